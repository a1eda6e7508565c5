"""What the guard lets pass: this machine, and hosts that are allowed by name, address and network."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from support.ways_out import (
    FAR,
    TEST,
    by_aiohttp,
    by_datagram,
    by_program,
    by_socket,
    by_streams,
    connect,
    open_endpoint,
    run,
    uvloop,
)

from fakegpt_testkit.errors import BadSetting, NetworkBlocked
from fakegpt_testkit.guard import Guard, guarded, read_hosts, read_proxies

if TYPE_CHECKING:
    from support.listening import Listener


async def test_this_machine_may_always_be_reached(listener: Listener, tmp_path: Any) -> None:
    local = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(local)
        server.listen()
        with guarded(Guard(TEST)) as guard:
            by_socket(listener.port)
            by_datagram(listener.port)
            await by_aiohttp(f"http://localhost:{listener.port}/")
            await open_endpoint(local_addr=("127.0.0.1", 0))
            socket.gethostbyname("localhost")
            socket.getfqdn("127.0.0.1")
            socket.getaddrinfo(None, 80)
            socket.getaddrinfo(FAR, 80)  # an address: nobody is asked
            by_program(listener.port)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(local)
            with socket.socket() as sock:
                sock.connect(("", listener.port))
            first, second = socket.socketpair()
            with first, second:
                first.sendmsg([b"x"])
    assert guard.blocked == []
    assert listener.datagram_came()


ALLOWED = {
    "address": ((FAR,), FAR, True),
    "another address": ((FAR,), "192.0.2.2", False),
    "network": (("192.0.2.0/24",), FAR, True),
    "everything": (("*",), FAR, True),
    "name": (("far.example",), "far.example", True),
    "name, any case": (("Far.Example",), "far.EXAMPLE.", True),
    "names": (("*.example",), "far.example", True),
    "another name": (("*.example",), "far.test", False),
    "an address of a name": (("far.example",), FAR, True),
    "not an address of a name": (("far.example",), "192.0.2.9", False),
    "an address of one of names": (("*.example",), FAR, False),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_hosts_are_allowed_by_name_address_and_network(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts, host, passes = ALLOWED[case]
    asked = []

    def look_up(name: str, port: object, *_: object) -> list[Any]:
        asked.append(name)
        sys.audit("socket.getaddrinfo", name, port, 0, 0, 0)
        return [(socket.AF_INET, 1, 6, "", (FAR, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with guarded(Guard(TEST, hosts)) as guard, suppress(OSError, NetworkBlocked):
        address = socket.getaddrinfo(host, 9)[0][4][0] if "." in host and host[-1].isalpha() else host
        connect(address)
    assert (guard.blocked == []) is passes


def test_a_learned_address_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(name: str, _: object) -> list[object]:
        asked.append(name)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with guarded(Guard(TEST, ("far.example",))):
        for _ in range(3):
            with pytest.raises(NetworkBlocked):
                connect(FAR)
    assert asked == ["far.example"]


def test_a_proxy_may_be_allowed_by_name(listener: Listener) -> None:
    proxies = frozenset({listener.port})
    with guarded(Guard(TEST, ("127.0.0.1", "localhost"), proxies)) as guard:
        by_socket(listener.port)
        if uvloop is not None:
            run(by_streams(listener.port, "localhost"), uvloop.new_event_loop)
    assert guard.blocked == []


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        ("", ()),
        ("a.example, 10.0.0.0/8 ::1", ("a.example", "10.0.0.0/8", "::1")),
        (["a.example"], ("a.example",)),
        ("http://a.example", None),
        ("a.example:80", None),
        ("a.example/x", None),
        ([""], None),
    ],
)
def test_hosts_are_read_from_text(said: Any, hosts: tuple[str, ...] | None) -> None:
    if hosts is None:
        with pytest.raises(BadSetting, match="allow_hosts"):
            read_hosts(said)
    else:
        assert read_hosts(said) == hosts


@pytest.mark.parametrize(
    ("environment", "ports"),
    [
        ({"HTTP_PROXY": "http://localhost:3128"}, {3128}),
        ({"https_proxy": "127.0.0.1:3129", "ALL_PROXY": "socks5://u:p@[::1]:1080"}, {3129, 1080}),
        ({"HTTP_PROXY": "http://proxy.example:3128", "no_proxy": "localhost:1", "HOME": "http://localhost:2"}, set()),
        ({"HTTP_PROXY": "http://localhost:not-a-port", "FTP_PROXY": "http://localhost"}, set()),
    ],
)
def test_proxies_on_this_machine_are_read_from_the_environment(environment: dict[str, str], ports: set[int]) -> None:
    assert read_proxies(environment) == ports
