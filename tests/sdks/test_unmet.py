"""A client whose bytes never enter Python is stopped where it would ask, by its name; else the run warns.

In processes of their own, since a loaded client stays loaded.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.behaviours import answer_of
from support.raw import raw_server

EARLY = """
    from io import BytesIO

    import pycurl
    import pytest
    from pycurl import Curl

    from fakegpt_testkit import use_cassette
    from fakegpt_testkit.errors import RequestStopped

    URL = {url!r}

    def perform(handle):
        heard = BytesIO()
        handle.setopt(pycurl.WRITEDATA, heard)
        handle.setopt(pycurl.URL, URL)
        handle.perform()
        return heard.getvalue()

    def by_a_handle_of_before():
        return perform(TOLD)

    def by_one_that_is_told_later():
        return perform(UNTOLD)

    def by_a_class_of_before():
        return perform(Curl())

    def by_the_module():
        return perform(pycurl.Curl())

    WAYS = [each for name, each in sorted(globals().items()) if name.startswith("by_")]
    TOLD, UNTOLD = Curl(), Curl()
    TOLD.setopt(pycurl.URL, URL)

    @pytest.mark.parametrize("ask", WAYS)
    def test_it_is_stopped(ask, tmp_path):
        plain = Curl
        for _ in range(2):
            with use_cassette(tmp_path / "c.yaml", record_mode="all") as session:
                try:
                    assert ask() != b"live"
                except (RequestStopped, pycurl.error):
                    pass
            [refused] = session.refused
            assert (refused.client, refused.uri.rpartition(":")[2]) == ("pycurl", URL.rpartition(":")[2])
        if ask is not by_one_that_is_told_later:
            with use_cassette(tmp_path / "c.yaml", record_mode="all", passthrough=["localhost"]):
                assert ask() == b"live"
        assert ask() == b"live" and Curl is plain

    @pytest.mark.fakegpt
    def test_it_is_warned_of():
        pass
"""
STOPPED = """
    import asyncio
    import curl_cffi
    import pytest

    @pytest.mark.fakegpt
    def test_it_is_told():
        curl_cffi.get({url!r})

    @pytest.mark.fakegpt
    def test_its_program_swallows_it():
        async def main():
            async with curl_cffi.AsyncSession() as session:
                try:
                    await session.get({url!r})
                except Exception:
                    pass
        asyncio.run(main())

    @pytest.mark.fakegpt(passthrough=["localhost"])
    def test_it_may_ask():
        assert curl_cffi.get({url!r}).content == b"live"
"""
BELOW = """
    import asyncio
    from io import BytesIO

    import pycurl
    import pyqwest
    import pytest
    from curl_cffi import AsyncCurl, Curl, CurlOpt
    from pycurl import Curl as Named

    from fakegpt_testkit import use_cassette
    from fakegpt_testkit.errors import RequestStopped

    URL = {url!r}

    def a_pycurl_handle(module, made=None):
        handle, heard = (made or module.Curl()), BytesIO()
        handle.setopt(module.URL, URL)
        handle.setopt(module.WRITEDATA, heard)
        return handle, heard

    def by_pycurl():
        handle, heard = a_pycurl_handle(pycurl)
        handle.perform()
        return heard.getvalue()

    def by_pycurl_class_of_before():
        handle, heard = a_pycurl_handle(pycurl, Named())
        handle.perform()
        return heard.getvalue()

    def by_pycurl_rb():
        return a_pycurl_handle(pycurl)[0].perform_rb()

    def by_pycurl_multi():
        multi = pycurl.CurlMulti()
        handle, heard = a_pycurl_handle(pycurl, EARLY)
        multi.add_handle(handle)
        while multi.perform()[1]:
            pass
        multi.remove_handle(handle)
        return heard.getvalue()

    def by_pycurl_awaited():
        async def main():
            async with pycurl.AsyncCurlMulti() as multi:
                handle, heard = a_pycurl_handle(pycurl)
                await multi.add_handle(handle)
                return heard.getvalue()
        return asyncio.run(main())

    def a_cffi_handle():
        handle, heard = Curl(), BytesIO()
        handle.setopt(CurlOpt.URL, URL.encode())
        handle.setopt(CurlOpt.WRITEDATA, heard)
        return handle, heard

    def by_curl_cffi():
        handle, heard = a_cffi_handle()
        handle.perform()
        return heard.getvalue()

    def by_curl_cffi_awaited():
        async def main():
            handle, heard = a_cffi_handle()
            multi = AsyncCurl()
            try:
                await multi.add_handle(handle)
            finally:
                await multi.close()
            return heard.getvalue()
        return asyncio.run(main())

    def by_pyqwest():
        return bytes(pyqwest.SyncClient().get(URL).content)

    def by_pyqwest_stream():
        with pyqwest.SyncClient().stream("GET", URL) as answer:
            return b"".join(map(bytes, answer.content))

    def by_pyqwest_awaited():
        async def main():
            return bytes((await pyqwest.Client().execute("GET", URL)).content)
        return asyncio.run(main())

    def by_pyqwest_transport():
        answer = pyqwest.SyncHTTPTransport().execute_sync(pyqwest.SyncRequest("GET", URL))
        return b"".join(map(bytes, answer.content))

    WAYS = [each for name, each in sorted(globals().items()) if name.startswith("by_")]
    EARLY, MULTI = pycurl.Curl(), pycurl.CurlMulti()

    @pytest.mark.parametrize("ask", WAYS)
    @pytest.mark.parametrize("mode", ["once", "all", "new_episodes"])
    def test_it_is_stopped(ask, mode, tmp_path):
        with use_cassette(tmp_path / "c.yaml", record_mode=mode) as session:
            with pytest.raises(RequestStopped) as stopped:
                ask()
        assert (stopped.value.method, stopped.value.uri) == ("GET", URL)
        assert stopped.value.client.replace("curl_cffi", "cffi") in ask.__name__.replace("curl_cffi", "cffi")
        assert len(session.refused) == 1

    @pytest.mark.parametrize("ask", WAYS)
    def test_it_may_ask(ask, tmp_path):
        with use_cassette(tmp_path / "c.yaml", record_mode="all", passthrough=["localhost"]):
            assert ask() == b"live"
        assert ask() == b"live"

    def test_a_multi_handle_of_before_sends_nothing(tmp_path):
        handle, heard = a_pycurl_handle(pycurl, EARLY)
        with use_cassette(tmp_path / "c.yaml", record_mode="all") as session:
            MULTI.add_handle(handle)
            while MULTI.perform()[1]:
                pass
            MULTI.remove_handle(handle)
        assert (len(session.refused), heard.getvalue()) == (1, b"")

    def test_a_handle_is_one_by_either_name(tmp_path):
        plain = pycurl.Curl
        with use_cassette(tmp_path / "c.yaml", record_mode="all"):
            class Theirs(pycurl.Curl):
                pass
            assert isinstance(EARLY, pycurl.Curl) and isinstance(pycurl.Curl(), plain)
            assert isinstance(Theirs(), Theirs) and not isinstance(EARLY, Theirs)
        assert pycurl.Curl is plain
"""
BESIDE = """
    import asyncio
    import niquests
    import pytest
    import urllib3
    import urllib3_future
    from awscrt import io
    from awscrt.http import HttpClientConnection, HttpHeaders, HttpRequest

    from fakegpt_testkit import use_cassette
    from fakegpt_testkit.errors import RequestStopped
    PORT = {port}
    URL = f"http://localhost:{{PORT}}/"

    def by_niquests():
        return niquests.get(URL).content

    def by_niquests_session_made_before():
        return EARLY.get(URL).content

    def by_niquests_awaited():
        async def main():
            async with niquests.AsyncSession() as session:
                return (await session.get(URL)).content
        return asyncio.run(main())

    def by_niquests_stream():
        with niquests.Session() as session, session.get(URL, stream=True) as response:
            return b"".join(response.iter_content(2))

    def by_niquests_multiplexed():
        with niquests.Session(multiplexed=True) as session:
            response = session.get(URL)
            session.gather()
            return response.content

    def by_urllib3_future():
        with urllib3_future.PoolManager() as pool:
            return pool.request("GET", URL).data

    def by_urllib3_future_in_the_place_of_urllib3():
        assert hasattr(urllib3, "AsyncPoolManager")
        with urllib3.PoolManager() as pool:
            return pool.request("GET", URL).data

    def by_urllib3_future_awaited():
        async def main():
            async with urllib3_future.AsyncPoolManager() as pool:
                return await (await pool.request("GET", URL)).data
        return asyncio.run(main())
    def by_urllib3_future_connection():
        connection = urllib3_future.connection.HTTPConnection("localhost", PORT)
        connection.request("GET", "/")
        return connection.getresponse().data

    def by_awscrt():
        loop = io.EventLoopGroup(1)
        bootstrap = io.ClientBootstrap(loop, io.DefaultHostResolver(loop))
        connection = HttpClientConnection.new("localhost", PORT, bootstrap).result(5)
        heard = []
        stream = connection.request(
            HttpRequest("GET", "/", HttpHeaders([("Host", "localhost")])),
            on_body=lambda chunk, **_: heard.append(bytes(chunk)),
        )
        stream.activate()
        stream.completion_future.result(5)
        return b"".join(heard)

    def by_awscrt_awaited():
        from awscrt.aio.http import AIOHttpClientConnection

        async def main():
            loop = io.EventLoopGroup(1)
            bootstrap = io.ClientBootstrap(loop, io.DefaultHostResolver(loop))
            connection = await AIOHttpClientConnection.new("localhost", PORT, bootstrap)
            stream = connection.request(HttpRequest("GET", "/", HttpHeaders([("Host", "localhost")])))
            heard = b""
            while chunk := await stream.get_next_response_chunk():
                heard += chunk
            return heard
        return asyncio.run(main())

    EARLY = niquests.Session()
    WAYS = [each for name, each in sorted(globals().items()) if name.startswith("by_")]

    @pytest.mark.parametrize("ask", WAYS)
    def test_it_is_stopped_unless_it_may_ask(ask, tmp_path):
        with use_cassette(tmp_path / "c.yaml", record_mode="all") as session:
            with pytest.raises(RequestStopped) as stopped:
                ask()
        assert (stopped.value.method, stopped.value.uri) == ("GET", URL)
        assert stopped.value.client.replace("-", "_") in ask.__name__
        assert len(session.refused) == 1
        with use_cassette(tmp_path / "c.yaml", record_mode="all", passthrough=["localhost"]):
            assert ask() == b"live"
        assert ask() == b"live"
"""
ALONE = ("-p", "no:recording")
"""pytest-recording puts a class of its own in the place of pycurl's handles, which no multi handle takes."""
THERE = Path(sys.prefix) / "unmet"
"""Where niquests, urllib3-future and awscrt are: installed, they would take urllib3's place."""
NOTHING = "*no request that a cassette sees was answered, so nothing was recorded*"


def test_what_was_made_before_is_stopped_too(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pytest-recording beside us, whose own class stands in the place of pycurl's handles."""
    monkeypatch.delenv("CI", raising=False)
    with raw_server({"/": (answer_of(b"200 OK", b"live"),)}) as server:
        pytester.makepyfile(EARLY.format(url=f"{server.url}/"))
        run = pytester.runpytest_subprocess("--fakegpt-record-mode=once")
        assert server.seen[1] == 4 * 2 - 1, "by those that may ask, and afterwards"
    assert run.parseoutcomes()["passed"] == 5
    run.stdout.fnmatch_lines(["*neither record nor replay requests of pycurl*", NOTHING])


def test_a_session_is_stopped_before_it_asks(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with raw_server({"/": (answer_of(b"200 OK", b"live"),)}) as server:
        pytester.makepyfile(STOPPED.format(url=f"{server.url}/"))
        for options in ((), ("--fakegpt-record-mode=once",)):
            run = pytester.runpytest_subprocess(*options, "-W", "ignore")
            assert "curl_cffi made it, whose bytes" in run.stdout.str()
            assert run.parseoutcomes()["passed"] >= 1
            run.stdout.fnmatch_lines(["*RequestStopped: GET http://localhost:*/ was stopped: *"])
        assert server.seen[1] == 2, "by the third test alone"


def test_what_lies_below_a_session_is_stopped_too(pytester: pytest.Pytester) -> None:
    with raw_server({"/": (answer_of(b"200 OK", b"live"),)}) as server:
        pytester.makepyfile(BELOW.format(url=f"{server.url}/"))
        run = pytester.runpytest_subprocess("-W", "ignore", *ALONE)
        run.assert_outcomes(passed=11 * 3 + 11 + 2)
        assert server.seen[1] == 11 * 2, "by those that may ask, and afterwards"


@pytest.mark.skipif(not THERE.is_dir(), reason="scripts/check.py has not installed them")
def test_those_that_take_the_place_of_urllib3_are_stopped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(THERE))
    with raw_server({"/": (answer_of(b"200 OK", b"live"),)}) as server:
        pytester.makepyfile(BESIDE.format(port=server.port))
        run = pytester.runpytest_subprocess("-W", "ignore", *ALONE)
        run.assert_outcomes(passed=11)
        assert server.seen[1] == 11 * 2, "by those that may ask, and afterwards"
