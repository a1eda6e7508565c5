"""Reports of drift: lines for a terminal, Markdown for a pull request, JSON for programs.

Knows no file and no colour; what is reported was redacted before it was compared.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.drift.findings import Difference, Drift, Severity, Unasked
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MOST_CHARACTERS: Final = 60_000
"""A comment on a pull request holds 65,536."""
_MOST_ROWS: Final = 20


def report_lines(drifts: Sequence[Drift], *, harmless: bool = False) -> Iterator[str]:
    """Lines for people: the figures, then each cassette that drifted; harmless differences only on demand."""
    yield _summary(drifts)
    for drift in drifts:
        shown = _shown(drift, harmless=harmless)
        unasked = list(drift.unasked) if harmless else _unasked(drift)
        if not shown and not unasked:
            continue
        yield f"  {_name(drift)}: {drift.word}"
        for each in shown:
            yield f"    {each.severity.word:8} {each.number} {each.where}: {each.text}"
        for why in dict.fromkeys(each.why for each in unasked):
            those = ", ".join(f"{each.number} {each.where}" for each in unasked if each.why == why)
            yield f"    not asked: {those}{f' - {why}' if why else ''}"
        if _shown(drift) and drift.command:
            yield f"    if your program copes with it, record it again: {drift.command}"


def described(drifts: Sequence[Drift]) -> dict[str, Any]:
    """Everything, as JSON values."""
    return {
        "severity": _worst(drifts).word,
        "compared": sum(each.compared for each in drifts),
        "cassettes": [each.dump() for each in drifts],
    }


def report(drifts: Sequence[Drift], file: str) -> str:
    """The text for a file; its name's ending says of which kind. Raises ``BadSetting`` for another ending."""
    ending = PurePath(file).suffix.lower()
    if ending not in FORMATS:
        raise BadSetting("the file for the report of drift", file, f"a name that ends in {', '.join(FORMATS)}")
    return FORMATS[ending](drifts)


def _json(drifts: Sequence[Drift]) -> str:
    return json.dumps(described(drifts), indent=2, ensure_ascii=False) + "\n"


def _text(drifts: Sequence[Drift]) -> str:
    return "".join(f"{line}\n" for line in report_lines(drifts, harmless=True))


def _markdown(drifts: Sequence[Drift]) -> str:
    """For a comment: a table for each cassette that drifted, the others in a line, and no longer than one may be."""
    verified = any(each.compared or each.differences for each in drifts)
    blocks = [f"## Drift: {_worst(drifts).word if verified else 'not verified'}", f"{_summary(drifts)}."]
    drifted = [each for each in drifts if _shown(each) or _unasked(each)]
    size = 0
    for at, drift in enumerate(drifted):
        section = list(_section(drift))
        size += sum(len(block) + len("\n\n") for block in section)
        if size > _MOST_CHARACTERS:
            blocks.append(f"And {len(drifted) - at} more: a comment has no room for all; the JSON report has them.")
            break
        blocks += section
    return "\n\n".join(blocks) + "\n"


def _section(drift: Drift) -> Iterator[str]:
    yield f"### {_code(_name(drift))}: {drift.word}"
    shown = _shown(drift)
    if shown:
        rows = [f"| {x.severity.word} | {x.number} {_code(x.where)} | {_code(x.text)} |" for x in shown[:_MOST_ROWS]]
        if more := len(shown[_MOST_ROWS:]):
            rows.append(f"| | | and {more} more |")
        yield "\n".join(["| severity | request | what differs |", "|---|---|---|", *rows])
    if count := len(drift.differences) - len(shown):
        yield f"Harmless differences: {count}."
    if unasked := _unasked(drift):
        yield "\n".join(f"- not asked: {each.number} {_code(each.where)}, {each.why}" for each in unasked)
    if shown and drift.command:
        yield f"If your program copes with it, record it again: {_code(drift.command)}"


FORMATS: Final[dict[str, Callable[[Sequence[Drift]], str]]] = {".md": _markdown, ".json": _json, ".txt": _text}
"""The endings of a report's file, each with what writes it."""


def _summary(drifts: Sequence[Drift]) -> str:
    if not drifts:
        return "nothing was verified"
    counts = Counter(each.word for each in sorted(drifts, key=lambda each: -each.severity))
    each = ", ".join(f"{count} {word}" for word, count in counts.items())
    compared = sum(each.compared for each in drifts)
    who = "test" if all(drift.test for drift in drifts) else "cassette"
    return f"{counted(compared, 'answer')} of {counted(len(drifts), who)} verified: {each}"


def _worst(drifts: Sequence[Drift]) -> Severity:
    return max((each.severity for each in drifts), default=Severity.SAME)


def _shown(drift: Drift, *, harmless: bool = False) -> list[Difference]:
    """The differences that a person wants to see, the worst first."""
    least = Severity.HARMLESS if harmless else Severity.ADDED
    return sorted((each for each in drift.differences if each.severity >= least), key=lambda each: -each.severity)


def _unasked(drift: Drift) -> list[Unasked]:
    """What could not be asked. What nobody wanted to ask is no news: tests share cassettes."""
    return [each for each in drift.unasked if each.why]


def _name(drift: Drift) -> str:
    return f"{drift.test} ({drift.cassette})" if drift.test else drift.cassette


def _code(text: str) -> str:
    """A text as it is: in code no mention calls a person, no link leads away, no HTML is obeyed."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text.replace('|', chr(92) + '|')}{room}{fence}"
