"""What the guard does not stop: the documents' list is what these programs show, and each of them gets out."""

from __future__ import annotations

import _socket
import ctypes
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.suites import INI

from fakegpt_testkit.errors import NetworkBlocked
from fakegpt_testkit.guard import Guard, guarded, lifted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.listening import Listener

pytestmark = pytest.mark.once
PAGE = Path(__file__).parent.parent / "docs" / "security.md"
INTERPRETERS = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"


@contextmanager
def kept_from_it() -> Iterator[Guard]:
    with guarded(Guard("a test", this_machine=False)) as guard:
        yield guard


def connected_before(listener: Listener) -> None:
    with socket.create_connection(("127.0.0.1", listener.port)) as sock, kept_from_it():
        sock.sendall(b"x")


def by_a_program(listener: Listener) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {listener.port})).close()"
    with kept_from_it():
        subprocess.run([sys.executable, "-S", "-c", code], check=True)


def by_the_system(listener: Listener) -> None:
    system = ctypes.CDLL(None)
    address = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", listener.port, socket.inet_aton("127.0.0.1"))
    with kept_from_it(), closing(socket.socket()) as sock:
        assert system.connect(sock.fileno(), address, len(address)) == 0


def by_a_class_imported_before(listener: Listener) -> None:
    """It is the event that stops it, which comes after the name was looked up, and not the class that asks before."""
    plain = _socket.socket
    with kept_from_it() as guard, closing(plain()) as sock:
        assert plain is not _socket.socket
        with pytest.raises(NetworkBlocked):
            sock.connect(("localhost", listener.port))
    assert [each.call for each in guard.blocked] == ["socket.connect"]
    socket.create_connection(("127.0.0.1", listener.port)).close()


def by_another_interpreter(listener: Listener) -> None:
    interpreters: Any = pytest.importorskip(INTERPRETERS)
    other, later = interpreters.create(), interpreters.create()
    reading, writing = os.pipe()
    code = f"import os, socket; os.read({reading}, 1); socket.create_connection(('127.0.0.1', {listener.port})).close()"
    thread = threading.Thread(target=interpreters.run_string, args=(other, code))
    thread.start()
    while not interpreters.is_running(other):
        pass
    with kept_from_it() as guard:
        with pytest.raises(NetworkBlocked, match="another interpreter"):
            interpreters.run_string(later, "import socket")
        os.write(writing, b"x")
        thread.join()
    assert len(guard.blocked) == 1
    for each in (other, later):
        interpreters.destroy(each)
    for end in (reading, writing):
        os.close(end)


def on_this_machine(listener: Listener) -> None:
    with guarded(Guard("a test")) as guard:
        socket.create_connection(("127.0.0.1", listener.port)).close()
        assert guard.blocked == []
    allowed = Guard("a test", ("127.0.0.1",), this_machine=False)
    with guarded(allowed):
        socket.create_connection(("127.0.0.1", listener.port)).close()


def get_around_it(listener: Listener) -> None:
    with kept_from_it(), lifted():
        socket.create_connection(("127.0.0.1", listener.port)).close()


GET_OUT: dict[str, Callable[[Listener], None] | None] = {
    "sockets that were connected before the test began": connected_before,
    "programs that the test starts": by_a_program,
    "libraries that call the operating system directly": by_the_system,
    "the look-up of a name by the C module's own": by_a_class_imported_before,
    "code that already runs in another interpreter": by_another_interpreter,
    "servers on this machine": on_this_machine,
    "fixtures with a wider scope than the test's": None,  # in a suite, below
    "code that tries to get around it": get_around_it,
}
"""How each part of the documents' list begins, and a program that shows it."""


def test_the_documents_name_what_gets_out_and_nothing_else() -> None:
    listed = re.search(r"It does not stop\n\n(.*?)\n\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert listed is not None
    named = [" ".join(each.split()) for each in re.split(r"^- ", listed[1], flags=re.MULTILINE)[1:]]
    assert len(named) == len(GET_OUT)
    for text, begins in zip(named, GET_OUT, strict=True):
        assert text.startswith(begins)


@pytest.mark.parametrize("what", [each for each, gets_out in GET_OUT.items() if gets_out is not None])
def test_it_gets_out(what: str, listener: Listener) -> None:
    gets_out = GET_OUT[what]
    assert gets_out is not None
    gets_out(listener)
    assert listener.arrived >= 1


def test_a_wider_fixture_and_a_test_without_the_marker_get_out(pytester: pytest.Pytester, listener: Listener) -> None:
    pytester.makeini(INI)
    pytester.makepyfile(
        f"""
        import pytest, socket
        from fakegpt_testkit import script
        from fakegpt_testkit.guard import Guard, policy

        def look_up():
            assert policy.active() is None
            socket.create_connection(("127.0.0.1", {listener.port})).close()

        @pytest.fixture(scope="module")
        def wide():
            look_up()

        @pytest.mark.fakegpt(script("hi"))
        def test_marked(wide):
            assert policy.active() is not None

        def test_unmarked():
            look_up()
        """
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=2)
    assert listener.arrived == 2
