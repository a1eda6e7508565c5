"""The guard: nothing leaves the process, by whatever way, and the error says what was to leave it."""

from __future__ import annotations

import _socket
import asyncio
import http.client
import os
import smtplib
import socket
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from support.ways_out import FAR, TEST, WAYS, by_aiohttp, connect, open_endpoint, run, uvloop

from fakegpt_testkit.errors import NetworkBlocked
from fakegpt_testkit.guard import Guard, guarded, lifted

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.listening import Listener


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_out(way: str, listener: Listener) -> None:
    guard = Guard(TEST, proxies=frozenset({listener.port}), subprocesses=False)
    with guarded(guard), pytest.raises((NetworkBlocked, ExceptionGroup)):
        WAYS[way](listener.port)
    assert {stopped.test for stopped in guard.blocked} == {TEST}
    assert not listener.datagram_came()
    assert listener.arrived == 0


@pytest.mark.parametrize("way", WAYS)
def test_each_way_leads_out_without_the_guard(way: str, listener: Listener) -> None:
    with suppress(OSError, http.client.HTTPException, aiohttp.ClientError, httpx.HTTPError):
        WAYS[way](listener.port)
    assert listener.datagram_came() or listener.arrived


async def uvloop_lookup(name: str) -> None:
    await asyncio.get_running_loop().getaddrinfo(name, 80)


async def loop_connect(host: str) -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, 80))


async def loop_nameinfo() -> None:
    await asyncio.get_running_loop().getnameinfo((FAR, 80))


async def loop_program(*, shell: bool) -> None:
    if shell:
        await asyncio.create_subprocess_shell("true")
    else:
        await asyncio.create_subprocess_exec("true")


def packet(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (name, 9))


STOPPED: dict[str, tuple[Callable[[], object], str, str]] = {
    "getaddrinfo": (lambda: socket.getaddrinfo("a.example", 443), "socket.getaddrinfo", "a.example:443"),
    "getaddrinfo, bytes": (lambda: socket.getaddrinfo(b"a.example", None), "socket.getaddrinfo", "a.example"),
    "gethostbyname": (lambda: socket.gethostbyname("a.example"), "socket.gethostbyname", "a.example"),
    "gethostbyname_ex": (lambda: socket.gethostbyname_ex("a.example"), "socket.gethostbyname", "a.example"),
    "gethostbyaddr": (lambda: socket.gethostbyaddr(FAR), "socket.gethostbyaddr", f"{FAR}:None"),
    "getnameinfo": (lambda: socket.getnameinfo((FAR, 80), 0), "socket.getnameinfo", f"{FAR}:80"),
    "a name to connect to": (lambda: connect("a.example"), "socket.connect", "a.example:9"),
    "a name to send to": (lambda: packet("a.example"), "socket.sendto", "a.example:9"),
    "an address": (lambda: connect(FAR), "socket.connect", f"{FAR}:9"),
    "IPv6": (lambda: connect("2001:db8::1", socket.AF_INET6), "socket.connect", "[2001:db8::1]:9"),
    "IPv4 in IPv6": (lambda: connect(f"::ffff:{FAR}", socket.AF_INET6), "socket.connect", f"[::ffff:{FAR}]:9"),
    "broadcast": (lambda: packet("<broadcast>"), "socket.sendto", "<broadcast>:9"),
    "os.system": (lambda: os.system("true"), "os.system", "true"),
    "os.posix_spawn": (lambda: os.posix_spawnp("true", ["true"], {}), "os.posix_spawn", "true"),
    "os.fork": (os.fork, "os.fork", "a copy of this process"),
}
if uvloop is not None:
    loop = uvloop.new_event_loop
    STOPPED |= {
        "uvloop, name": (lambda: run(uvloop_lookup("a.example"), loop), "Loop.getaddrinfo", "a.example:80"),
        "uvloop, reverse": (lambda: run(loop_nameinfo(), loop), "Loop.getnameinfo", f"{FAR}:80"),
        "uvloop, connect": (lambda: run(loop_connect("a.example"), loop), "Loop.sock_connect", "a.example:80"),
        "uvloop, endpoint": (
            lambda: run(open_endpoint(local_addr=("0.0.0.0", 0)), loop),
            "Loop.create_datagram_endpoint",
            "anywhere, from an endpoint without a remote address",
        ),
        "uvloop, program": (lambda: run(loop_program(shell=False), loop), "Loop.subprocess_exec", "true"),
        "uvloop, shell": (lambda: run(loop_program(shell=True), loop), "Loop.subprocess_shell", "true"),
    }


@pytest.mark.parametrize("way", STOPPED)
def test_the_error_names_call_and_address(way: str) -> None:
    leave, call, address = STOPPED[way]
    with guarded(Guard(TEST, subprocesses=False)) as guard, pytest.raises(NetworkBlocked) as raised:
        leave()
    assert (raised.value.call, raised.value.address, raised.value.test) == (call, address, TEST)
    assert guard.blocked == [raised.value]


ENDPOINTS = [
    ({"local_addr": ("127.0.0.1", 0)}, True),
    ({"remote_addr": ("127.0.0.1", 9)}, True),
    ({"remote_addr": (FAR, 9)}, False),
    ({"sock": ("127.0.0.1", 0)}, True),
    ({"sock": ("0.0.0.0", 0)}, False),
    ({}, False),
]


@pytest.mark.skipif(uvloop is None, reason="there is no uvloop for this interpreter")
@pytest.mark.parametrize(("options", "passes"), ENDPOINTS, ids=[str(each) for each, _ in ENDPOINTS])
def test_a_datagram_of_uvloop_goes_only_where_it_can_be_seen(options: dict[str, Any], passes: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if "sock" in options:
            sock.bind(options["sock"])
            options = {"sock": sock}
        with guarded(Guard(TEST)) as guard, suppress(NetworkBlocked, ValueError, OSError):
            run(open_endpoint(**options), uvloop.new_event_loop)
    assert (guard.blocked == []) is passes


def test_uvloop_takes_a_socket_that_was_connected_before(listener: Listener) -> None:
    if uvloop is None:
        pytest.skip("there is no uvloop for this interpreter")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, guarded(Guard(TEST)) as guard:
        sock.connect(("127.0.0.1", listener.port))
        run(open_endpoint(sock=sock), uvloop.new_event_loop)
    assert guard.blocked == []


def test_guards_nest_and_can_be_lifted() -> None:
    with guarded(Guard("outer")) as outer, guarded(Guard("inner")) as inner:
        with lifted(), suppress(OSError):
            connect(FAR)
        assert inner.blocked == []
        with pytest.raises(NetworkBlocked, match="inner"):
            connect(FAR)
    assert len(inner.blocked) == 1
    assert outer.blocked == []


def test_nothing_is_left_behind() -> None:
    places = [(socket.socket, "connect"), *([(uvloop.Loop, "getaddrinfo")] if uvloop is not None else [])]
    before = [getattr(*each) for each in places]
    with guarded(Guard(TEST)):
        assert [getattr(*each) for each in places] != before
    assert [getattr(*each) for each in places] == before
    assert "connect" not in vars(socket.socket)
    with lifted(), suppress(OSError):
        connect(FAR)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_stays_guarded() -> None:
    with guarded(Guard(TEST)):
        pid = os.fork()
        if pid == 0:
            try:
                connect(FAR)
            except NetworkBlocked:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="packets without a protocol are Linux's")
def test_other_families_of_sockets_are_stopped() -> None:
    sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    with sock, guarded(Guard(TEST)) as guard, pytest.raises(NetworkBlocked) as raised:
        sock.connect((2, 1))
    assert raised.value.allow == "*"
    assert guard.blocked


def test_multiprocessing_starts_no_program() -> None:
    import multiprocessing

    with (
        guarded(Guard(TEST, subprocesses=False)) as guard,
        pytest.raises(NetworkBlocked, match="may start no programs"),
    ):
        multiprocessing.get_context("spawn").Process(target=print).start()
    assert guard.blocked[0].call in {"multiprocessing", "os.posix_spawn"}


def test_the_error_says_how_to_allow_it() -> None:
    assert str(NetworkBlocked(TEST, "socket.connect", f"{FAR}:9", FAR)) == (
        f"socket.connect was to reach {FAR}:9, and {TEST} may not use the network\n"
        "  to have it played: a client that a cassette sees, such as aiohttp, httpx, requests or urllib3,\n"
        "    or another one that is given the base URL of `fakegpt-testkit serve`\n"
        f"  to allow it: --fakegpt-allow-hosts={FAR} or @pytest.mark.fakegpt(allow_hosts=['{FAR}'])"
    )
    assert not issubclass(NetworkBlocked, OSError)
    assert str(NetworkBlocked(TEST, "socket.connect", f"{FAR}:9", FAR, "redis")).startswith(
        f"socket.connect, called by redis, was to reach {FAR}:9, and "
    )


def in_a_thread(ask: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as threads:
        threads.submit(ask).result()


@pytest.mark.parametrize(
    ("library", "ask"),
    [
        ("requests", lambda: requests.get(f"http://{FAR}/")),
        ("urllib3", lambda: urllib3.PoolManager().request("GET", f"http://{FAR}/", retries=False)),
        ("httpx", lambda: httpx.get(f"http://{FAR}/", trust_env=False)),
        ("aiohttp", lambda: run(by_aiohttp(f"http://{FAR}/"))),
        ("smtplib", lambda: smtplib.SMTP(FAR, 25)),
        ("urllib", lambda: urllib.request.urlopen(f"http://{FAR}/")),
        ("requests", lambda: in_a_thread(lambda: requests.get(f"http://{FAR}/"))),
        ("", lambda: socket.create_connection((FAR, 9))),
        ("", lambda: in_a_thread(lambda: socket.create_connection((FAR, 9)))),
        ("", lambda: socket.getaddrinfo("nobody.example", 80)),
    ],
)
def test_the_error_names_the_library_that_the_program_called(library: str, ask: Callable[[], object]) -> None:
    with guarded(Guard(TEST)) as guard, pytest.raises(NetworkBlocked):
        ask()
    assert {each.library for each in guard.blocked} == {library}


@pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="the system has no such sockets")
def test_raw_packets_are_stopped_where_their_socket_is_opened() -> None:
    guard = Guard("a test")
    with guarded(guard), pytest.raises(NetworkBlocked, match="raw packets"):
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    assert len(guard.blocked) == 1
    with guarded(guard), socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        assert len(guard.blocked) == 1


def test_a_socket_of_the_c_module_is_kept_from_an_address() -> None:
    with guarded(Guard("a test")), pytest.raises(NetworkBlocked):
        _socket.socket().connect(("192.0.2.1", 80))


def test_a_socket_of_the_c_module_is_kept_from_a_name(listener: Listener) -> None:
    plain = _socket.socket
    with guarded(Guard("a test")) as guard:
        with closing(_socket.socket()) as sock, pytest.raises(NetworkBlocked, match=r"a\.example"):
            sock.connect(("a.example", 80))
        with (
            closing(_socket.SocketType(socket.AF_INET, socket.SOCK_DGRAM)) as sock,
            pytest.raises(NetworkBlocked, match=r"b\.example"),
        ):
            sock.sendto(b"x", ("b.example", 80))
        with closing(_socket.socket()) as sock:
            sock.connect(("localhost", listener.port))
        with socket.socket() as sock:
            assert isinstance(sock, _socket.socket)
        assert len(guard.blocked) == 2
    assert _socket.socket is plain


def test_another_interpreter_is_not_made() -> None:
    interpreters = pytest.importorskip("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    with guarded(Guard("a test")) as guard, pytest.raises(Exception, match=r"interpreter"):
        interpreters.create()
    (blocked,) = guard.blocked
    assert "another interpreter" in str(blocked)
    interpreters.destroy(interpreters.create())
