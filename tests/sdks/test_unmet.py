"""A client whose bytes never enter Python goes live past any cassette: the run says so, by its name.

In processes of their own, since a loaded client stays loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.behaviours import answer_of
from support.raw import raw_server

if TYPE_CHECKING:
    import pytest

SUITE = """
    import pytest

    @pytest.mark.fakegpt
    def test_it():
        from io import BytesIO
        from curl_cffi import Curl, CurlOpt
        curl, heard = Curl(), BytesIO()
        curl.setopt(CurlOpt.URL, {url!r}.encode())
        curl.setopt(CurlOpt.WRITEDATA, heard)
        curl.perform()
        assert heard.getvalue() == b"live"
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
NOTHING = "*no request was made that a cassette sees, so nothing was recorded*"


def test_it_goes_live_and_the_warning_names_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with raw_server({"/": (answer_of(b"200 OK", b"live"),)}) as server:
        pytester.makepyfile(SUITE.format(url=f"{server.url}/"))
        recording = pytester.runpytest_subprocess("--fakegpt-record-mode=once")
        playing = pytester.runpytest_subprocess()
        assert server.seen[1] == 2, "nobody could stop it"
    for run in (recording, playing):
        run.assert_outcomes(passed=1, warnings=1)
        run.stdout.fnmatch_lines(["*records nor replays what curl_cffi sends*"])
    recording.stdout.fnmatch_lines([NOTHING])
    playing.stdout.no_fnmatch_line(NOTHING)


def test_a_session_is_stopped_before_it_asks(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with raw_server({"/": (answer_of(b"200 OK", b"live"),)}) as server:
        pytester.makepyfile(STOPPED.format(url=f"{server.url}/"))
        for options in ((), ("--fakegpt-record-mode=once",)):
            run = pytester.runpytest_subprocess(*options, "-W", "ignore")
            assert "there was curl_cffi, which" in run.stdout.str()
            assert run.parseoutcomes()["passed"] >= 1
            run.stdout.fnmatch_lines(["*RequestStopped: GET http://localhost:*/ was stopped: *"])
        assert server.seen[1] == 2, "by the third test alone"
