"""Puts a stream's chunks on the connection, at the pace and to the ending that was asked for.

Knows nothing of chats: chunks are bytes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from fakegpt_testkit.fakegpt.stand_in import answer

if TYPE_CHECKING:
    from aiohttp import web

    from fakegpt_testkit.fakegpt.stand_in.options import Options


async def send(request: web.Request, response: web.StreamResponse, chunks: list[bytes], options: Options) -> None:
    """Write the chunks, each an HTTP chunk of its own, then end the stream as the options say."""
    transport = request.transport
    assert transport is not None  # the head was written to it just now
    whole = options.end in ("done", "unmarked")
    # The last chunk goes out with the body's end: whoever leaves at the end mark has seen a complete response then.
    await asyncio.sleep(answer.PAUSE if "other-timing" in options.drift else 0)
    first, last = (chunks[:-1], b"".join(chunks[-1:])) if whole else (chunks, b"")
    for number, chunk in enumerate(first):
        await asyncio.sleep(options.delay if number else 0)
        await response.write(chunk)
    if whole:
        await asyncio.sleep(options.delay if first else 0)
        await response.write_eof(last)
    else:
        await _break(transport, response, options)


async def _break(transport: asyncio.Transport, response: web.StreamResponse, options: Options) -> None:
    """Do what the ending says to a stream that was sent so far; the connection is of no use afterwards."""
    response.force_close()
    match options.end:
        case "cut":
            transport.write(b"1000\r\ndata: {")
        case "malformed":
            transport.write(b"zz\r\ndata: {\r\n")
        case "endless":
            number = 0
            while True:
                await asyncio.sleep(max(options.delay, 0.01))
                await response.write(answer.ping(options, number := number + 1))
        case "stall":
            await asyncio.Event().wait()
    if options.end == "reset":  # a socket that does not linger is closed with a reset
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.close()
