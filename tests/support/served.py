"""For tests of the server: a stream, a page and an answer to a post, served without waiting."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fakegpt_testkit.exchange import Chunk
from support.serving import recorded, served, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOSE = "Connection: close"
PLAIN = (("content-type", "text/plain"), ("X-ODD-case", "kept"), ("Content-Length", "5"))
HELLO = recorded("GET", "/hello", chunks=(Chunk(0.01, b"hello"),), headers=PLAIN)
POSTED = recorded("POST", "/v1/chat", body=b'{"model": "m", "messages": [{"role": "user", "content": "Say hello"}]}')


@contextmanager
def stream_page_and_post(folder: Path) -> Iterator[str]:
    write(folder, "some.yaml", recorded(), HELLO, POSTED)
    with served(folder) as url:
        yield url
