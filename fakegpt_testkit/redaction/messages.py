"""Finds secrets in the header fields of HTTP messages that stand in a text: a broken head, ``TRACE``, a batch's parts.

Knows nothing of bodies. A message begins with its status line or its request line, and its fields end at a blank line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.places import header_value
from fakegpt_testkit.redaction.values import looks_secret
from fakegpt_testkit.redaction.vault import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.redaction.names import Names
    from fakegpt_testkit.redaction.places import Word

_FIRST_LINE: Final = re.compile(
    r"(?:\A|(?<=[\r\n]))"
    r"(?:(?:HTTP/\d(?:\.\d)?|ICY)[ ]{1,4}\d{3}\b[^\r\n]*+|[A-Z]{3,20}[ ]\S{1,8192}+[ ]HTTP/\d(?:\.\d)?)(?:\r?\n|\r)",
    re.ASCII,
)
_WORDS: Final = re.compile(r"[\s;=,]+")
_END: Final = re.compile(r"\r?\n\r?\n")
_FIELD: Final = re.compile(
    r"(?<=[\r\n])([^\s:][^\r\n:]{0,200}):[ \t]*+([^\r\n]*+(?:\r?\n[ \t]++[^\r\n]++)*+)",
)


def ends_in_fields(text: str) -> bool:
    """Whether a message has begun whose fields may go on."""
    ends = max(text.rfind("\n\n"), text.rfind("\n\r\n"), 0)
    return _FIRST_LINE.search(text, ends) is not None


def message_places(text: str, names: Names, word: Word) -> Iterator[Edit]:
    """The values of fields that hold secrets by their names, in each message of a text.

    A message in the midst of a text may be an example: there a value has to look like a secret, too.
    """
    in_parts = text.startswith("--")
    at = 0
    while begun := _FIRST_LINE.search(text, at):
        end = _END.search(text, begun.end() - 1)
        at = end.start() if end else len(text)
        is_one = in_parts or not begun.start()
        for field in _FIELD.finditer(text, begun.end() - 1, at):
            if not is_one and not any(map(looks_secret, _WORDS.split(field[2]))):
                continue
            new = header_value(field[1].strip().lower(), field[2], names, word)
            if new is not None and new != field[2]:
                yield Edit(*field.span(2), new)
