"""Finds where redaction changed the text of an answer: what a replay says there is not what the service said.

Knows no secret: answers as they came and as they are kept go in.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from fakegpt_testkit.exchange import PLACEHOLDER, media_type
from fakegpt_testkit.framing.whole import TOLD_IN
from fakegpt_testkit.recorder.redacted import MARKS
from fakegpt_testkit.wording import first_difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fakegpt_testkit.exchange import Interaction


def changed(came: Sequence[Interaction], kept: Sequence[Interaction]) -> tuple[tuple[str, str], ...]:
    """Each answer of which a replay will give another text: the request, and where."""
    found = []
    for before, after in zip(came, kept, strict=True):
        if before.response.body == after.response.body:
            continue
        for (part, one), (_, other) in zip(_parts(before), _parts(after), strict=False):
            if one != other:
                at = first_difference(one, other)
                word = next((each[0] for each in PLACEHOLDER.finditer(other) if each.end() > at), "another text")
                found.append((after.request.title, f"character {at + 1} of its {part} ({word})"))
    return tuple(found)


def redacted_places(interactions: Iterable[Interaction]) -> Iterator[str]:
    """A line for each place of a kept answer's text where a placeholder stands."""
    for each in interactions:
        if any(mark in each.response.body for mark in MARKS) and not says_nothing(each):
            for part, text in _parts(each):
                for word in PLACEHOLDER.finditer(text):
                    where = f"character {word.start() + 1} of its {part} ({word[0]})"
                    yield f"{each.request.title}: redaction changed the text of this answer at {where}"


def says_nothing(interaction: Interaction) -> bool:
    """Whether it is surely no model's answer, such as a login's: told without the dialects, which take long to import.

    Where they are there already, somebody may have added one that nothing is known of here.
    """
    tape = interaction.response
    if "fakegpt_testkit.dialects.known" in sys.modules or tape.head.dialect:
        return False
    if media_type(tape.headers) != "application/json":
        return False
    try:
        said = json.loads(tape.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and not TOLD_IN & said.keys()


def _parts(interaction: Interaction) -> list[tuple[str, str]]:
    from fakegpt_testkit.timeline import Stream

    stream = Stream(interaction)
    calls = "\n".join(f"{call.name} {call.arguments}" for call in stream.tool_calls)
    return [("text", stream.text), ("reasoning", stream.reasoning), ("tool calls", calls)]
