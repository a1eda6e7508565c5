"""What is no part of a marked test's recording, as a suite says it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from support.suites import INI

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITE = """
import threading, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
import pytest
from fakegpt_testkit import script

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass

def serve():
    with HTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()

own = pytest.fixture(serve)
wide = pytest.fixture(serve, scope="session")

def ask(url):
    return urllib.request.urlopen(url, timeout=5).read()
"""
OWN = """
@pytest.mark.fakegpt(script("hi"))
def test_own(own):
    assert ask(own) == b"ok"
"""
WIDE = """
@pytest.mark.fakegpt(script("hi"))
@pytest.mark.parametrize("again", range(2))
def test_wide(wide, again):
    assert ask(wide) == b"ok"
"""
ELSEWHERE = """
@pytest.mark.fakegpt(script("hi"))
def test_elsewhere():
    assert ask("http://localhost:{port}/") == b"ok"
"""


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of a server of another process than the suite's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    with HTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ran(pytester: pytest.Pytester, test: str, *arguments: str, ini: str = "") -> pytest.RunResult:
    pytester.makefile(".ini", tox=f"{INI}\n{ini}")
    pytester.makepyfile(test_suite=SUITE + test)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def test_a_server_of_a_fixture_of_the_test_passes_and_is_counted(pytester: pytest.Pytester) -> None:
    result = ran(pytester, OWN, "--fakegpt-report=a.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fakegpt: 0 replayed, *, 1 passed through"])
    figures = json.loads((pytester.path / "a.json").read_text())
    assert (figures["passed_through"], figures["tests"][0]["passed_through"]) == (1, 1)


def test_one_of_a_wider_fixture_is_a_service_in_each_test_unless_it_is_to_pass(pytester: pytest.Pytester) -> None:
    ran(pytester, WIDE).assert_outcomes(failed=2)
    ran(pytester, WIDE, "--fakegpt-passthrough=own").assert_outcomes(passed=2)


@pytest.mark.parametrize("place", ["command line", "ini", "marker", "fixture"])
def test_a_host_can_be_named_in_each_place(place: str, elsewhere: int, pytester: pytest.Pytester) -> None:
    test = ELSEWHERE.format(port=elsewhere)
    ran(pytester, test).assert_outcomes(failed=1)
    named = f"localhost:{elsewhere}"
    arguments = [f"--fakegpt-passthrough={named}"] if place == "command line" else []
    if place == "marker":
        test = test.replace('script("hi")', f'script("hi"), passthrough=["{named}"]')
    if place == "fixture":
        test += f"\n@pytest.fixture\ndef fakegpt_config():\n    return {{'passthrough': ['{named}']}}\n"
    ini = f"fakegpt_passthrough = own, {named}" if place == "ini" else ""
    ran(pytester, test, *arguments, ini=ini).assert_outcomes(passed=1)


def test_the_guard_lets_through_what_passes(pytester: pytest.Pytester) -> None:
    test = """
@pytest.mark.fakegpt(script("hi"), passthrough=["192.0.2.7:81"])
def test_guarded():
    import socket
    from fakegpt_testkit.errors import NetworkBlocked
    with socket.socket() as one:
        one.setblocking(False)
        with pytest.raises(OSError) as failure:
            one.connect(("192.0.2.7", 81))
        assert not isinstance(failure.value, NetworkBlocked)
    with socket.socket() as one, pytest.raises(NetworkBlocked):
        one.connect(("192.0.2.8", 81))
"""
    ran(pytester, test, "-p", "no:unraisableexception").assert_outcomes(passed=1)


def test_what_means_nothing_fails_in_a_line(pytester: pytest.Pytester) -> None:
    result = ran(pytester, OWN, "--fakegpt-passthrough=http://a")
    result.stderr.fnmatch_lines(["*passthrough*http://a*"])
