"""Draws one timeline as SVG: a lane of chunks, a lane of events, the silences, the ending, an axis of time.

What falls on the same spot is drawn as one mark, so a stream of any length is a drawing of bounded size.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape
from math import log10
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.timeline import Timeline

_WIDTH: Final = 1000
_LEFT: Final = 70
_RIGHT: Final = 30
_TOP: Final = 10
_CHUNKS: Final = (20, 70)  # top and bottom of the lane
_EVENTS: Final = 95
_AXIS: Final = 120
_HEIGHT: Final = 165
_MARK: Final = 2
_TICKS: Final = 8
_CHARACTER: Final = 6.5


def drawing(timeline: Timeline, number: int) -> str:
    """The SVG of the interaction of this number; an element called ``drawing-1-text`` says in words what is drawn."""
    name = f"drawing-{number}"
    scale = _Scale(duration(timeline))
    parts = [
        *_gaps(timeline, scale),
        *_axis(scale),
        '<text x="0" y="50">chunks</text>',
        *_chunks(timeline, scale),
        f'<text x="0" y="{_EVENTS + 4}">events</text>' if timeline.moments else "",
        *_events(timeline, scale),
        _ending(timeline, scale),
    ]
    cursor = (
        f'<line class="cursor" id="cursor-{number}" y1="{_TOP}" y2="{_AXIS}" visibility="hidden" '
        f'data-left="{_LEFT}" data-width="{_WIDTH - _LEFT - _RIGHT}"/>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title" aria-describedby="{name}-text">'
        f'<title id="{name}-title">Chunks and events over time</title>{"".join(parts)}{cursor}</svg>'
    )


def duration(timeline: Timeline) -> float:
    """Seconds from the request to the last thing that is drawn; never 0."""
    tape = timeline.interaction.response
    return max(tape.ending.at, *(chunk.at for chunk in tape.chunks), tape.head.at, 0.001)


def in_words(timeline: Timeline) -> str:
    """What the drawing shows, for those who do not see it."""
    tape = timeline.interaction.response
    first = f", the first after {milliseconds(tape.chunks[0].at)}" if tape.chunks else ""
    words = [f"The head came after {milliseconds(tape.head.at)}."]
    words.append(f"Then came {counted(len(tape.chunks), 'chunk')}{first}.")
    if timeline.moments:
        words.append(f"They held {counted(len(timeline.moments), 'event')}.")
    words += [f"A silence of {milliseconds(gap.seconds)} began at {milliseconds(gap.start)}." for gap in timeline.gaps]
    words.append(f"It ended as {tape.ending} after {milliseconds(tape.ending.at)}.")
    return " ".join(words)


def milliseconds(seconds: float) -> str:
    """A time as a person reads it."""
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


class _Scale:
    """From seconds to the drawing's columns."""

    def __init__(self, end: float) -> None:
        self.end = end

    def __call__(self, at: float) -> int:
        return _LEFT + round(max(0.0, at) / self.end * (_WIDTH - _LEFT - _RIGHT) / _MARK) * _MARK


def _gaps(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    for gap in timeline.gaps:
        left, right = scale(gap.start), scale(gap.end)
        text = f"silence, {milliseconds(gap.seconds)}"
        yield (
            f'<rect class="gap" x="{left}" y="{_TOP}" width="{right - left}" height="{_AXIS - _TOP}">'
            f"<title>{text}, from {milliseconds(gap.start)} on</title></rect>"
        )
        if right - left > len(text) * _CHARACTER:
            yield f'<text x="{(left + right) // 2}" y="{_CHUNKS[0]}" text-anchor="middle">{text}</text>'


def _axis(scale: _Scale) -> Iterator[str]:
    yield f'<line class="axis" x1="{_LEFT}" y1="{_AXIS}" x2="{_WIDTH - _RIGHT}" y2="{_AXIS}"/>'
    step = _step(scale.end)
    for number in range(int(scale.end / step) + 1):
        x = scale(number * step)
        yield f'<line class="axis" x1="{x}" y1="{_TOP}" x2="{x}" y2="{_AXIS + 4}"/>'
        at = _tick(number * step, scale.end)
        yield f'<text class="faint" x="{x}" y="{_AXIS + 18}" text-anchor="middle">{at}</text>'


def _step(end: float) -> float:
    """A round distance, so that a handful of marks stand on the axis."""
    power: float = 10.0 ** int(log10(end / _TICKS) - 1)
    return next(power * each for each in (1, 2, 5, 10, 20, 50, 100, 200) if power * each * _TICKS >= end)


def _tick(at: float, end: float) -> str:
    return f"{at:g} s" if end >= 1 else f"{at * 1000:g} ms"


def _chunks(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    columns: defaultdict[int, list[int]] = defaultdict(list)
    for number, chunk in enumerate(timeline.interaction.response.chunks):
        columns[scale(chunk.at)].append(number)
    chunks = timeline.interaction.response.chunks
    sizes = {x: sum(len(chunks[number].data) for number in numbers) for x, numbers in columns.items()}
    most = max(sizes.values(), default=1) or 1
    for x, numbers in columns.items():
        height = max(4, round((_CHUNKS[1] - _CHUNKS[0]) * sizes[x] / most))
        title = f"{_span('chunk', numbers)}: {sizes[x]} bytes at {milliseconds(chunks[numbers[0]].at)}"
        yield (
            f'<rect class="chunk" x="{x - 1}" y="{_CHUNKS[1] - height}" width="{_MARK}" height="{height}">'
            f"<title>{title}</title></rect>"
        )


def _events(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    columns: defaultdict[int, list[int]] = defaultdict(list)
    for number, moment in enumerate(timeline.moments):
        columns[scale(moment.at)].append(number)
    for x, numbers in columns.items():
        title = f"{_span('event', numbers)} at {milliseconds(timeline.moments[numbers[0]].at)}"
        yield f'<circle class="event" cx="{x}" cy="{_EVENTS}" r="4"><title>{title}</title></circle>'


def _span(thing: str, numbers: list[int]) -> str:
    first, last = numbers[0] + 1, numbers[-1] + 1
    return f"{thing} {first}" if first == last else f"{thing}s {first} to {last}"


def _ending(timeline: Timeline, scale: _Scale) -> str:
    ending = timeline.interaction.response.ending
    x = scale(ending.at)
    kind = "end" if ending.kind is EndingKind.COMPLETE else "end broken"
    anchor = "end" if x > _WIDTH // 2 else "start"
    return (
        f'<line class="{kind}" x1="{x}" y1="{_TOP}" x2="{x}" y2="{_AXIS}"/>'
        f'<text x="{x}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{escape(ending.kind.value)}, '
        f"{milliseconds(ending.at)}</text>"
    )
