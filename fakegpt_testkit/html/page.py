"""Writes the page around the drawings: what was asked, what came, each event in a table that can be searched."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from fakegpt_testkit.dialects import Rewrite, Text
from fakegpt_testkit.exchange import EndingKind
from fakegpt_testkit.html.assets import POLICY, SCRIPT, STYLE
from fakegpt_testkit.html.escaping import as_html
from fakegpt_testkit.html.svg import drawing, duration, in_words, milliseconds
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fakegpt_testkit.exchange import Headers
    from fakegpt_testkit.timeline import Moment, Timeline

_SHOWN = 120


def page(name: str, timelines: Mapping[int, Timeline]) -> str:
    """The whole page; ``name`` is the cassette's, and the keys are its interactions' numbers."""
    title = as_html(f"Cassette {name}")
    events = sum(len(each.moments) for each in timelines.values())
    # logins after what they are for
    timelines = dict(sorted(timelines.items(), key=lambda item: not item[1].is_stream))
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            f'<a class="skip" href="#main">Skip to the interactions</a>\n<header><h1>{title}</h1>\n',
            *_contents(timelines),
            "</header>\n",
            *(_search_box() if events else ()),
            '<main id="main">\n',
            *(part for number, timeline in timelines.items() for part in _interaction(number, timeline)),
            "</main>\n",
            f"<script>{SCRIPT}</script>\n" if events else "",
            "</body>\n</html>\n",
        ]
    )


def _contents(timelines: Mapping[int, Timeline]) -> Iterator[str]:
    yield '<nav aria-label="Interactions"><ol>\n'
    for number, each in timelines.items():
        request, tape = each.interaction.request, each.interaction.response
        yield f'<li value="{number}"><a href="#interaction-{number}">{as_html(f"{request.method} {request.uri}")}</a>: '
        yield f"{tape.status or 'no answer'}, {len(tape.body)} bytes, {_ending(each)}</li>\n"
    yield "</ol></nav>\n"


def _search_box() -> Iterator[str]:
    yield '<search class="search" hidden><label for="search">Search the events (key /)</label>'
    yield '<input id="search" type="search" autocomplete="off" spellcheck="false">'
    yield '<span id="found" role="status"></span></search>\n'


def _interaction(number: int, timeline: Timeline) -> Iterator[str]:
    request, tape = timeline.interaction.request, timeline.interaction.response
    yield f'<section aria-labelledby="interaction-{number}">\n'
    yield f'<h2 id="interaction-{number}">{number}. {as_html(f"{request.method} {request.uri}")}</h2>\n'
    if timeline.text:
        yield f"<h3>Text</h3>\n{_player(number, timeline) if timeline.moments else ''}"
        yield f'<pre id="text-{number}" tabindex="0">{as_html(timeline.text)}</pre>\n'
    yield from _facts(timeline)
    if len(tape.chunks) > 1 or timeline.moments or tape.ending.kind is not EndingKind.COMPLETE:
        yield f'<h3 id="timeline-{number}">Timeline</h3>\n'
        yield f'<div class="wide" role="region" tabindex="0" aria-labelledby="timeline-{number}">'
        yield f"{drawing(timeline, number)}</div>\n"
        yield f'<p id="drawing-{number}-text">{as_html(in_words(timeline))}</p>\n'
    if timeline.moments:
        yield from _events(number, timeline)
    elif tape.body:
        yield f'<h3>Body</h3>\n<pre tabindex="0">{as_html(_body(tape.body))}</pre>\n'
    for each in timeline.outside:
        yield f"<p>Outside the events: {as_html(each)}</p>\n"
    yield _folded("Request headers", _headers(request.headers))
    yield _folded("Request body", _body(request.body)) if request.body else ""
    yield _folded("Response headers", _headers(tape.headers))
    yield "</section>\n"


def _facts(timeline: Timeline) -> Iterator[str]:
    tape, provenance = timeline.interaction.response, timeline.interaction.provenance
    yield "<dl>" + _fact("Answer", f"{tape.status or 'none'} {tape.reason}")
    yield _fact("Body", f"{len(tape.body)} bytes in {counted(len(tape.chunks), 'chunk')}")
    yield f"<dt>Ending</dt><dd>{_ending(timeline)}</dd>"
    recorded = ", ".join(word for word in (provenance.at, provenance.origin, provenance.server) if word)
    yield _fact("Recorded", recorded) if recorded else ""
    yield "</dl>\n"


def _player(number: int, timeline: Timeline) -> str:
    """What plays the text at its recorded times; the page's script shows it."""
    end = duration(timeline)
    return (
        f'<div class="player" data-stream="{number}" data-end="{end:.6f}" hidden><button type="button">Play</button>'
        f'<input type="range" min="0" max="{round(end * 1000)}" aria-label="Time in milliseconds"><output></output>'
        "</div>\n"
    )


def _events(number: int, timeline: Timeline) -> Iterator[str]:
    caption = f"{counted(len(timeline.moments), 'event')} of interaction {number}"
    yield f'<h3>Events</h3>\n<table id="events-{number}"><caption>{caption}</caption>\n'
    yield '<thead><tr><th scope="col" class="number">Event</th><th scope="col" class="number">Time</th>'
    yield '<th scope="col" class="number by">Chunk</th><th scope="col" class="by">Type</th>'
    yield '<th scope="col">Text it added</th><th scope="col">Data</th></tr></thead>\n<tbody>\n'
    for nth, moment in enumerate(timeline.moments, 1):
        yield f'<tr data-event="{nth}" data-at="{moment.at:.6f}"><th scope="row" class="number">{nth}</th>'
        yield f'<td class="number">{milliseconds(moment.at)}</td><td class="number by">{moment.chunk}</td>'
        yield f'<td class="by">{as_html(moment.event.event)}</td><td>{_added(moment)}</td>'
        yield f'<td class="data">{_data(moment.event.data)}</td></tr>\n'
    yield "</tbody></table>\n"


def _data(data: str) -> str:
    """The data, folded behind its beginning when it is long."""
    if len(data) <= _SHOWN and "\n" not in data:
        return f"<code>{as_html(data)}</code>"
    beginning = data.partition("\n")[0][:_SHOWN]
    return f'<details><summary>{as_html(beginning)}…</summary><pre tabindex="0">{as_html(data)}</pre></details>'


def _added(moment: Moment) -> str:
    return "".join(
        f"<ins{' data-whole' if isinstance(delta, Rewrite) else ''}>{as_html(delta.text)}</ins>"
        for delta in moment.deltas
        if isinstance(delta, (Text, Rewrite)) and not delta.choice
    )


def _ending(timeline: Timeline) -> str:
    ending = timeline.interaction.response.ending
    text = as_html(f"{ending} after {milliseconds(ending.at)}")
    return text if ending.kind is EndingKind.COMPLETE else f'<span class="bad">{text}</span>'


def _fact(name: str, value: str) -> str:
    return f"<dt>{name}</dt><dd>{as_html(value)}</dd>"


def _folded(name: str, text: str) -> str:
    return f'<details><summary>{name}</summary><pre tabindex="0">{as_html(text)}</pre></details>\n'


def _headers(headers: Headers) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers)


def _body(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"not text; in base64: {base64.b64encode(body).decode()}"
