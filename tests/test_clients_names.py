"""The inner names of clients that we lean on: each is there, or the failure says which version has it no longer."""

from __future__ import annotations

import ast
import http.client
import inspect
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import aiohttp.connector
import aiohttp.helpers
import httpcore
import httpcore2
import pytest
import urllib3
import urllib3.connection

import fakegpt_testkit.clients

if TYPE_CHECKING:
    from types import ModuleType

ROOMS = Path(fakegpt_testkit.clients.__file__).parent
URLLIB3 = int(version("urllib3").partition(".")[0])


def of_httpcore(core: ModuleType) -> dict[type, tuple[str, ...]]:
    http1 = ("_send_request_headers", "_network_stream")
    http2 = (
        *("_send_request_headers", "_send_stream_data", "_receive_stream_event", "_response_closed"),
        *("_receive_response_body", "_read_exception", "_connection_error"),
    )
    pool = ("_ssl_context", "_max_connections", "_max_keepalive_connections", "_keepalive_expiry", "_retries")
    return {
        core.ConnectionPool: ("handle_request", "close", *pool),
        core.AsyncConnectionPool: ("handle_async_request", "aclose", "_network_backend", *pool),
        **dict.fromkeys((core.HTTP11Connection, core.AsyncHTTP11Connection), http1),
        **dict.fromkeys((core.HTTP2Connection, core.AsyncHTTP2Connection), http2),
    }


LEANED_ON: dict[str, tuple[ModuleType, dict[type, tuple[str, ...]]]] = {
    "httpcore": (httpcore, of_httpcore(httpcore)),
    "httpcore2": (httpcore2, of_httpcore(httpcore2)),
    "aiohttp": (
        aiohttp,
        {
            aiohttp.BaseConnector: (
                *(
                    "connect",
                    "_create_connection",
                    "_get",
                    "_available_connections",
                    "_acquired",
                    "_conns",
                    "_loop",
                    "_release_acquired",
                ),
            ),
            aiohttp.connector.Connection: ("_connector", "_key"),
            aiohttp.ClientRequest: ("_timer",),
            aiohttp.helpers.TimerContext: ("_cancelled",),
            aiohttp.StreamReader: ("_buffer", "_cursor", "_eof", "_wait"),
        },
    ),
    "http.client": (http.client, {http.client.HTTPConnection: ("putrequest", "_tunnel_host", "_tunnel_port")}),
    "urllib3": (
        urllib3,
        {
            urllib3.HTTPConnectionPool: ("urlopen",),
            urllib3.connection.HTTPSConnection: (
                *("is_verified", "cert_reqs", "assert_fingerprint"),
                *(("_has_connected_to_proxy",) if URLLIB3 > 1 else ()),
            ),
        },
    ),
}


def has(kind: type, name: str) -> bool:
    """Whether the class has it, or gives it to its instances."""
    if hasattr(kind, name):
        return True
    makers = [made for each in kind.__mro__ if inspect.isfunction(made := vars(each).get("__init__"))]
    files = {Path(made.__code__.co_filename) for made in makers}  # httpcore's classes say that they are in another
    return any(re.search(rf"\bself\.{name}\b", file.read_text(encoding="utf-8")) for file in files)


@pytest.mark.parametrize("client", LEANED_ON)
def test_it_is_there(client: str) -> None:
    module, kinds = LEANED_ON[client]
    which = getattr(module, "__version__", "of this Python")
    for kind, names in kinds.items():
        for name in names:
            assert has(kind, name), f"{client} {which} has no longer {kind.__name__}.{name}"


@pytest.mark.once
def test_all_that_we_lean_on_are_looked_for() -> None:
    listed = {name for _, kinds in LEANED_ON.values() for names in kinds.values() for name in names}
    listed |= {"_synchronization", "_has_connected_to_proxy"}  # a module of httpcore's, and what urllib3 1 has not
    for room in sorted(ROOMS.rglob("*.py")):
        for node in ast.walk(ast.parse(room.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
                ours = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
                assert ours or node.attr in listed, f"{room.relative_to(ROOMS)}: {ast.unparse(node)}"


def test_a_name_that_is_gone_is_missed() -> None:
    assert not has(aiohttp.StreamReader, "_curso")
    assert not has(httpcore.ConnectionPool, "_no_such_name")
