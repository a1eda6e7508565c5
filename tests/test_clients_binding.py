"""When a client is patched: what is loaded at once, what comes later then, and at the end only what is still ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest


def run(code: str) -> list[str]:
    """What the code prints, in a process where no client is loaded yet."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.untraced
def test_a_cassette_loads_no_client() -> None:
    code = """
import sys
from fakegpt_testkit import script, use_cassette
with use_cassette(script("hi")):
    print("loaded", *{"aiohttp", "httpx", "httpx2", "httpcore", "requests", "urllib3"}.intersection(sys.modules))
"""
    assert run(code) == ["loaded"]


def test_a_suite_of_aiohttp_alone_loads_no_other_client() -> None:
    """Recorded and replayed: neither the client nor the room beside ours that knows it."""
    code = f"""
import asyncio, os, sys, tempfile
sys.path.insert(0, {str(Path(__file__).parent)!r})
from support.raw import raw_server
import aiohttp
from fakegpt_testkit import use_cassette

async def ask(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()

with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "c.yaml")
    with raw_server({{"/": (b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi",)}}) as server:
        with use_cassette(file, record_mode="once", passthrough=()):
            assert asyncio.run(ask(server.url)) == b"hi"
    with use_cassette(file):
        assert asyncio.run(ask(server.url)) == b"hi"
others = {{"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "botocore", "trio", "anyio", "h2"}}
rooms = {{f"fakegpt_testkit.clients.{{each}}" for each in ("httpcore", "curl")}}
print("alone", *sorted((others | rooms) & set(sys.modules)))
"""
    assert run(code) == ["alone"]


OWNERS = {
    "aiohttp": ("aiohttp", "BaseConnector", "connect"),
    "httpcore": ("httpcore", "ConnectionPool", "handle_request"),
    "httpcore2": ("httpcore2", "AsyncConnectionPool", "handle_async_request"),
    "urllib3": ("urllib3.connection", "HTTPConnection", "connect"),
    "http.client": ("http.client", "HTTPConnection", "putrequest"),
}


@pytest.mark.untraced
@pytest.mark.parametrize("when", ["before", "within"])
@pytest.mark.parametrize("client", OWNERS)
def test_it_is_bound_when_it_is_loaded_and_left_as_it_was(client: str, when: str) -> None:
    module, owner, method = OWNERS[client]
    code = f"""
import importlib, sys
from fakegpt_testkit import script, use_cassette
def method():
    return vars(getattr(sys.modules[{module!r}], {owner!r}))[{method!r}]
if {when!r} == "before":
    importlib.import_module({client!r})
with use_cassette(script("hi")):
    importlib.import_module({client!r})
    print(method().__module__)
    loader = sys.modules[{module!r}].__spec__.loader
    print(type(loader).__module__)
print(method().__module__)
"""
    within, loader, after = run(code)
    assert within.startswith("fakegpt_testkit.clients.")
    assert not loader.startswith("fakegpt_testkit"), "a module keeps its own loader"
    assert not after.startswith("fakegpt_testkit")


@pytest.mark.skipif(not hasattr(httpx2, "alias_httpx"), reason="this httpx2 has no other name for itself")
def test_two_names_of_one_module_are_bound_once() -> None:
    code = """
import httpx2, sys
httpx2.alias_httpx()
import httpcore, httpcore2
from fakegpt_testkit import script, use_cassette
print(httpcore is httpcore2)
own = httpcore2.ConnectionPool.handle_request
with use_cassette(script("hi")):
    ours = httpcore2.ConnectionPool.handle_request
    cells = [cell.cell_contents for cell in ours.__closure__ if callable(cell.cell_contents)]
    print(own in cells)
print(httpcore.ConnectionPool.handle_request is own)
"""
    assert run(code) == ["True", "True", "True"]


def test_what_somebody_else_has_patched_meanwhile_stays_theirs() -> None:
    code = """
import http.client
from fakegpt_testkit import script, use_cassette
own = http.client.HTTPConnection.send
def theirs(self, data):
    return own(self, data)
with use_cassette(script("hi")):
    http.client.HTTPConnection.send = theirs
print(http.client.HTTPConnection.send is theirs)
"""
    assert run(code) == ["True"]


@pytest.mark.once
def test_a_client_that_is_not_met_is_stopped_where_its_request_begins(tmp_path: Path) -> None:
    """Modules with the names that these clients have; the clients themselves are met in an environment of their own."""
    (tmp_path / "niquests").mkdir()
    (tmp_path / "niquests/__init__.py").write_text("")
    (tmp_path / "niquests/sessions.py").write_text("""
class Session:
    def send(self, request, **_):
        return "live"
""")
    (tmp_path / "urllib3_future").mkdir()
    (tmp_path / "urllib3_future/__init__.py").write_text("")
    (tmp_path / "urllib3_future/connectionpool.py").write_text("""
class HTTPConnectionPool:
    scheme, host, port = "https", "a.example", 443
    def urlopen(self, method, url):
        return "live"
class HTTPSConnectionPool(HTTPConnectionPool):
    pass
""")
    (tmp_path / "awscrt").mkdir()
    (tmp_path / "awscrt/__init__.py").write_text("")
    (tmp_path / "awscrt/http.py").write_text("""
class HttpClientConnection:
    host_name, port = "b.example", 80
    def request(self, request, on_response=None):
        return "live"
""")
    code = f"""
import sys
from types import SimpleNamespace as Request
from fakegpt_testkit import script, use_cassette
from fakegpt_testkit.errors import RequestStopped
sys.path.insert(0, {str(tmp_path)!r})
def ask(what):
    try:
        print(what())
    except RequestStopped as stopped:
        print(stopped.client, stopped.method, stopped.uri)
with use_cassette(script("hi"), passthrough=["b.example"]) as session:
    from awscrt.http import HttpClientConnection
    from niquests.sessions import Session
    from urllib3_future.connectionpool import HTTPSConnectionPool
    ask(lambda: Session().send(Request(method="get", url="http://c.example/x"), stream=True))
    ask(lambda: HTTPSConnectionPool().urlopen("POST", "/y"))
    ask(lambda: HttpClientConnection().request(Request(method="GET", path="/z")))
    for place in ("d.example", 443), ("localhost", 4566), ("127.0.0.1", 443), ("d.example", 8443), ("d.example", 80):
        HttpClientConnection.host_name, HttpClientConnection.port = place
        ask(lambda: HttpClientConnection().request(Request(method="GET", path="/z")))
    print(len(session.refused))
ask(lambda: HTTPSConnectionPool().urlopen("POST", "/y"))
"""
    stopped = ["niquests", "GET", "http://c.example/x", "urllib3-future", "POST", "https://a.example:443/y"]
    asked = []
    schemes = "https://d.example:443", "http://localhost:4566", "https://127.0.0.1:443", "https://d.example:8443"
    for origin in (*schemes, "http://d.example:80"):
        asked += ["awscrt", "GET", f"{origin}/z"]
    assert run(code) == [*stopped, "live", *asked, "7", "live"]
