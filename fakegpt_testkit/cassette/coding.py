"""Takes a content coding off a recorded body, by what the bytes are and not by what a label says.

Tools differ in what they store: some the bytes of the wire, some the decoded ones, and the label stays or goes with
neither. Knows nothing of cassettes.
"""

from __future__ import annotations

import re

from fakegpt_testkit.bodies import BARE, GZIP, ZLIB, inflated

MAX_DECODED = 256 * 1024 * 1024
"""The bound of a decoded body, in bytes."""

_GZIP_MAGIC = b"\x1f\x8b\x08"
_TEXT = re.compile(r"text/|application/[\w.+-]*(?:json|xml|javascript|urlencoded|graphql)", re.IGNORECASE)


def decoded(body: bytes, label: str, content_type: str) -> bytes:
    """The body without its content coding; the body itself when it carries none that we can take off.

    An archive that was downloaded as such has no label and no text's content type: it stays as it is. Raises
    ``TooLarge`` for more than ``MAX_DECODED`` bytes.
    """
    labels = {word.strip() for word in label.lower().split(",")}
    plain = None
    if body.startswith(_GZIP_MAGIC):
        if not labels.isdisjoint({"gzip", "x-gzip"}) or _TEXT.match(content_type):
            plain = inflated(body, GZIP, MAX_DECODED)
    elif "deflate" in labels:
        plain = inflated(body, ZLIB, MAX_DECODED)
        if plain is None:  # some servers send it without zlib's frame
            plain = inflated(body, BARE, MAX_DECODED)
    return body if plain is None else plain
