"""Takes a content coding off a recorded body, by what the bytes are and not by what a label says.

Tools differ in what they store: some the bytes of the wire, some the decoded ones, and the label stays or goes with
neither. Knows nothing of cassettes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fakegpt_testkit.bodies import BARE, GZIP, ZLIB, TooLarge, inflated
from fakegpt_testkit.wire.codings import unpacked_by_package

MAX_DECODED = 256 * 1024 * 1024
"""The bound of all decoded bodies of a file together, in bytes."""

_GZIP_MAGIC = b"\x1f\x8b\x08"
_TEXT = re.compile(r"text/|application/[\w.+-]*(?:json|xml|javascript|urlencoded|graphql)", re.IGNORECASE)


@dataclass(slots=True)
class Budget:
    """What a file's bodies may still unpack to, in bytes; each takes its part."""

    left: int

    @classmethod
    def whole(cls) -> Budget:
        """That of a file of which nothing is unpacked yet."""
        return cls(MAX_DECODED)

    def decoded(self, body: bytes, label: str, content_type: str) -> bytes:
        """The body without its content coding. Raises ``TooLarge`` for more than is left."""
        plain = decoded(body, label, content_type, self.left)
        if plain is not body:
            self.left -= len(plain)
        return plain


def decoded(body: bytes, label: str, content_type: str, most: int = MAX_DECODED) -> bytes:
    """The body without its content codings; the body itself when it carries none that we can take off.

    The last coding of a label was put on last, so it goes first. An archive that was downloaded as such has no label
    and no text's content type: it stays as it is. Raises ``TooLarge`` for more than ``most`` bytes.
    """
    labels = [word.strip() for word in label.lower().split(",") if word.strip()]
    if not labels and body.startswith(_GZIP_MAGIC) and _TEXT.match(content_type):
        labels = ["gzip"]
    plain = body
    for coding in reversed(labels):
        without = _without(plain, coding, most)
        if without is None and coding != labels[0] and plain is body:
            continue  # a tool that took this one off has left its label
        if without is None:
            break
        plain = without
    if plain is body and body.startswith(_GZIP_MAGIC) and _TEXT.match(content_type):
        return _without(body, "gzip", most) or body
    return plain


def _without(body: bytes, coding: str, most: int) -> bytes | None:
    """The body without one coding; None when it is not in it, or nobody here reads it."""
    if coding in {"gzip", "x-gzip"}:
        return inflated(body, GZIP, most) if body.startswith(_GZIP_MAGIC) else None
    if coding == "deflate":
        if not body or body.startswith(_GZIP_MAGIC):
            return None
        plain = inflated(body, ZLIB, most)
        return inflated(body, BARE, most) if plain is None else plain  # some servers send it without zlib's frame
    plain = unpacked_by_package(body, coding, most)
    if plain is not None and len(plain) > most:
        raise TooLarge
    return plain
