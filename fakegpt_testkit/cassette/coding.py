"""Takes a content coding off a recorded body, by what the bytes are and not by what a label says.

Tools differ in what they store: some the bytes of the wire, some the decoded ones, and the label stays or goes with
neither. Knows nothing of cassettes.
"""

from __future__ import annotations

import re
import zlib

MAX_DECODED = 256 * 1024 * 1024
"""The bound of a decoded body, in bytes."""

_MAX_MEMBERS = 100
_GZIP_MAGIC = b"\x1f\x8b\x08"
_TEXT = re.compile(r"text/|application/[\w.+-]*(?:json|xml|javascript|urlencoded|graphql)", re.IGNORECASE)


class DecodedTooLarge(ValueError):
    """A body that would unpack to more than the bound."""


def decoded(body: bytes, label: str, content_type: str) -> bytes:
    """The body without its content coding; the body itself when it carries none that we can take off.

    An archive that was downloaded as such has no label and no text's content type: it stays as it is.
    """
    labels = {word.strip() for word in label.lower().split(",")}
    plain = None
    if body.startswith(_GZIP_MAGIC):
        if not labels.isdisjoint({"gzip", "x-gzip"}) or _TEXT.match(content_type):
            plain = _inflate(body, zlib.MAX_WBITS | 16)
    elif "deflate" in labels:
        plain = _inflate(body, zlib.MAX_WBITS)
        if plain is None:  # some servers send it without zlib's frame
            plain = _inflate(body, -zlib.MAX_WBITS)
    return body if plain is None else plain


def _inflate(body: bytes, window: int) -> bytes | None:
    """The unpacked bytes, or None when these are not such bytes from the first to the last."""
    parts = []
    size = 0
    rest = body
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            parts.append(unpacker.decompress(rest, MAX_DECODED - size + 1))
        except zlib.error:
            return None
        size += len(parts[-1])
        if size > MAX_DECODED:
            raise DecodedTooLarge
        if not unpacker.eof:
            return None
        rest = unpacker.unused_data
        if not rest:
            return b"".join(parts)
    return None
