"""Ways of a program to leave its process: by sockets, by clients, by loops, by a proxy, by another program."""

from __future__ import annotations

import asyncio
import http.client
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import requests
import urllib3

from support.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable


uvloop: Any
try:
    import uvloop
except ImportError:  # there is none for this interpreter
    uvloop = None

TEST = "tests/test_chat.py::test_greets"
FAR = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""


def run(coroutine: Any, factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(coroutine, PATIENCE))


async def by_aiohttp(url: str, **options: Any) -> None:
    async with aiohttp.ClientSession(**options) as session, session.get(url):
        pass


async def by_httpx(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(url)


async def by_streams(port: int, host: str = "127.0.0.1") -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def by_endpoint(port: int) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
    transport.sendto(b"x")
    await asyncio.sleep(0)
    transport.close()


def by_socket(port: int) -> None:
    with socket.socket() as sock:
        sock.connect(("127.0.0.1", port))


def by_connect_ex(port: int) -> None:
    with socket.socket() as sock:
        sock.connect_ex(("127.0.0.1", port))


def by_datagram(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", port))


def by_message(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendmsg([b"x"], [], 0, ("127.0.0.1", port))


def by_http_client(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/")


def in_thread(port: int) -> None:
    with ThreadPoolExecutor() as pool:
        pool.submit(by_socket, port).result()


def through_proxy(port: int) -> None:
    """What ``HTTP_PROXY`` makes of a request to any service."""
    proxied = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"}))
    proxied.open("http://service.example/").close()


def by_program(port: int) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {port})).close()"
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


WAYS: dict[str, Callable[[int], object]] = {
    "a socket": by_socket,
    "connect_ex": by_connect_ex,
    "UDP, sendto": by_datagram,
    "UDP, sendmsg": by_message,
    "http.client": by_http_client,
    "urllib": lambda port: urllib.request.urlopen(f"http://127.0.0.1:{port}/").close(),
    "urllib through a proxy": through_proxy,
    "urllib3": lambda port: urllib3.PoolManager().request("GET", f"http://127.0.0.1:{port}/", retries=False),
    "requests": lambda port: requests.get(f"http://127.0.0.1:{port}/", timeout=5),
    "httpx": lambda port: httpx.get(f"http://127.0.0.1:{port}/", trust_env=False),
    "httpx, asynchronous": lambda port: run(by_httpx(f"http://127.0.0.1:{port}/")),
    "aiohttp": lambda port: run(by_aiohttp(f"http://127.0.0.1:{port}/")),
    "asyncio": lambda port: run(by_streams(port)),
    "asyncio, UDP": lambda port: run(by_endpoint(port)),
    "a thread": in_thread,
    "a program": by_program,
}
if uvloop is not None:
    WAYS |= {
        "uvloop": lambda port: run(by_streams(port), uvloop.new_event_loop),
        "uvloop, by name": lambda port: run(by_streams(port, "localhost"), uvloop.new_event_loop),
        "uvloop, UDP": lambda port: run(by_endpoint(port), uvloop.new_event_loop),
        "uvloop, aiohttp": lambda port: run(by_aiohttp(f"http://localhost:{port}/"), uvloop.new_event_loop),
    }


async def open_endpoint(**options: Any) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, **options)
    transport.close()


def connect(host: Any, family: int = socket.AF_INET) -> None:
    with socket.socket(family) as sock:
        sock.settimeout(0.01)
        sock.connect((host, 9))
