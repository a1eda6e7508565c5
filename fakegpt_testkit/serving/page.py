"""What a browser is shown below ``/__fakegpt/``: the server at a glance, its cassettes, the streams it has played.

Knows no connection; the drawing is another room's.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.html import Asking, Section, page
from fakegpt_testkit.html import overview as draw
from fakegpt_testkit.timeline import timeline_of

if TYPE_CHECKING:
    from fakegpt_testkit.serving.journal import Entry
    from fakegpt_testkit.serving.server import Server
    from fakegpt_testkit.serving.world import World

_SHOWN: Final = 200
"""Requests of each scenario, the newest first."""


def overview(server: Server) -> str:
    """The server at a glance."""
    cassettes = [
        (each.path, len(each.interactions), f"/__fakegpt/cassettes/{number}")
        for number, each in enumerate(server.library.shelf.cassettes, 1)
    ]
    parts = [_part("Outside of scenarios", server.world, "/__fakegpt")]
    for name, world in server.scenarios.items():
        parts.append(_part(f"Scenario /@{name}", world, f"/__fakegpt/scenarios/{name}"))
    return draw(cassettes, parts)


def cassette(server: Server, number: int) -> str:
    """One cassette's page; numbers are those of the overview."""
    cassettes = server.library.shelf.cassettes
    if not 1 <= number <= len(cassettes):
        raise BadSetting("a cassette", number, f"1 to {len(cassettes)}")
    chosen = cassettes[number - 1]
    shown = [server.world.shown_interaction(each) for each in chosen.interactions]
    return page(chosen.path, {nth: timeline_of(each) for nth, each in enumerate(shown, 1)})


def stream(world: World, number: int) -> str:
    """One answer as it was played, for the request of this number."""
    entry = next((each for each in world.journal.entries if each.number == number), None)
    if entry is None or entry.played is None:
        raise BadSetting("a request", number, "the number of one in the journal that had an answer")
    asked = replace(entry.played, request=entry.request)
    return page(f"{entry.source}, request {number}", {number: timeline_of(world.shown_interaction(asked))})


def _part(name: str, world: World, link: str) -> Section:
    newest = islice(reversed(world.journal.entries), _SHOWN)
    askings = [_asking(world, each, link) for each in newest]
    return Section(name, _terms(world), world.journal.count, world.journal.missed, askings)


def _terms(world: World) -> str:
    if world.stand_in is not None:
        return world.name
    settings, faults = world.terms.settings, ", ".join(map(str, world.terms.settings.faults))
    order = "equal requests get the same answer" if world.terms.steady else "equal requests are answered in order"
    again = ", the last one again" if settings.allow_playback_repeats and not world.terms.steady else ""
    return f"{world.name}; pace {world.terms.timing}; {order}{again}" + (f"; faults: {faults}" if faults else "")


def _asking(world: World, entry: Entry, link: str) -> Asking:
    title = f"{entry.request.method} {world.shown(replace(entry.request, body=b'')).uri}"
    if entry.problem is not None or entry.played is None or entry.progress is None:
        return Asking(entry.number, entry.at, title, problem=str(entry.problem))
    tape = entry.played.response
    left = ", left early" if entry.progress.left_early else ""
    became = f"{tape.status or 'no answer'}, {tape.ending}, {entry.progress.sent} bytes sent{left}: {entry.source}"
    return Asking(entry.number, entry.at, title, became, f"{link}/streams/{entry.number}")
