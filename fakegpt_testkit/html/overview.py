"""The page of a server: the cassettes it answers from, its scenarios, what was asked of each and what was missed.

Knows no server: values in, a text out, escaped as a cassette's page is.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from fakegpt_testkit.html.assets import POLICY, STYLE
from fakegpt_testkit.html.escaping import as_html
from fakegpt_testkit.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Asking:
    """One request: what was asked, what became of it, and where to look further; ``problem`` where it was missed."""

    number: int
    at: str
    title: str
    became: str = ""
    link: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One world of answers: its name, how it answers, and its requests."""

    name: str
    terms: str
    asked: int
    missed: int
    askings: Sequence[Asking]


def overview(cassettes: Sequence[tuple[str, int, str]], parts: Sequence[Section]) -> str:
    """The whole page; a cassette is its name, how many interactions it has, and its page."""
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>fakegpt-testkit serve</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            '<a class="skip" href="#main">Skip to the requests</a>\n<header><h1>fakegpt-testkit serve</h1>\n',
            "<h2>Cassettes</h2>\n<ul>\n",
            *(_cassette(*each) for each in cassettes),
            '</ul>\n</header>\n<main id="main">\n',
            *(text for part in parts for text in _part(part)),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _cassette(name: str, interactions: int, link: str) -> str:
    return f'<li><a href="{escape(link)}">{as_html(name)}</a>: {counted(interactions, "interaction")}</li>\n'


def _part(part: Section) -> Iterator[str]:
    missed = f', <span class="bad">{part.missed} without an answer</span>' if part.missed else ""
    yield f"<section><h2>{as_html(part.name)}</h2>\n<p>{as_html(part.terms)}</p>\n"
    yield f"<p>{counted(part.asked, 'request')}{missed}</p>\n"
    if part.askings:
        yield '<table><thead><tr><th scope="col" class="number">Request</th><th scope="col">Time</th>'
        yield '<th scope="col">Asked</th><th scope="col">Answer</th></tr></thead>\n<tbody>\n'
        for each in part.askings:
            yield f'<tr><th scope="row" class="number">{each.number}</th><td>{as_html(each.at)}</td>'
            yield f"<td>{as_html(each.title)}</td><td>{_became(each)}</td></tr>\n"
        yield "</tbody></table>\n"
    yield "</section>\n"


def _became(asking: Asking) -> str:
    if asking.problem:
        return f'<pre class="bad" tabindex="0">{as_html(asking.problem)}</pre>'
    return f'<a href="{escape(asking.link)}">{as_html(asking.became)}</a>' if asking.link else as_html(asking.became)
