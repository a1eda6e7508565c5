"""Takes a content coding off a recorded body, by what the bytes are and not by what a label says.

Tools differ in what they store: some the bytes of the wire, some the decoded ones, and the label stays or goes with
neither. Knows nothing of cassettes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fakegpt_testkit.wire.codings import without

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
        rest = without(plain, coding, most)
        if rest is None and coding != labels[0] and plain is body:
            continue  # a tool that took this one off has left its label
        if rest is None:
            break
        plain = rest
    if plain is body and body.startswith(_GZIP_MAGIC) and _TEXT.match(content_type):
        return without(body, "gzip", most) or body
    return plain
