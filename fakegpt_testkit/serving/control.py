"""What is asked of the server itself, below ``/__fakegpt``: scenarios, journals, reset, save, health, the page.

Knows no connection: a request in, a status and a value out. What it shows holds no secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import unquote

from fakegpt_testkit.errors import BadSetting, FakeGptTestkitError
from fakegpt_testkit.serving import page
from fakegpt_testkit.serving.misses import describe
from fakegpt_testkit.serving.wanting import read_wish

if TYPE_CHECKING:
    from fakegpt_testkit.serving.journal import Entry
    from fakegpt_testkit.serving.reading import ReadRequest
    from fakegpt_testkit.serving.server import Server
    from fakegpt_testkit.serving.world import World

CONTROL: Final = "/__fakegpt"
_BODY_SHOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and what is told: a text is a web page, anything else is JSON."""

    status: int
    value: object


class _Unknown(Exception):
    """There is nothing of that name."""


def control(server: Server, asked: ReadRequest, base: str) -> Reply:
    """The answer to a request; what it did not understand is told, and changes nothing."""
    words = [unquote(each) for each in asked.target.partition("?")[0].removeprefix(CONTROL).split("/") if each]
    try:
        said = json.loads(asked.body) if asked.body else {}
        return _control(server, asked.method, words, said, base)
    except _Unknown as unknown:
        return Reply(404, {"error": str(unknown)})
    except FakeGptTestkitError as wrong:
        return Reply(400, {"error": str(wrong)})
    except (ValueError, RecursionError) as wrong:
        return Reply(400, {"error": f"the body is no JSON: {wrong}"})


def _control(server: Server, method: str, words: list[str], said: object, base: str) -> Reply:
    match method, words:
        case "GET" | "HEAD", []:
            return Reply(200, page.overview(server))
        case "GET" | "HEAD", ["cassettes", number]:
            return Reply(200, page.cassette(server, _number(number)))
        case "GET" | "HEAD", ["health"]:
            return Reply(200, health(server))
        case "POST", ["reset"]:
            server.reset()
            return Reply(200, {})
        case "POST", ["save"]:
            if server.recorder is None:
                return Reply(409, {"error": "nothing is recorded here: serve with --record --upstream URL"})
            return Reply(200, {"saved": server.recorder.save()})
        case "GET", ["scenarios"]:
            return Reply(200, [_named(name, base) for name in server.scenarios])
        case _, ["scenarios", name, *rest]:
            return _scenario(server, method, name, rest, said, base)
        case _:
            return _world(server.world, method, words)


def _scenario(server: Server, method: str, name: str, rest: list[str], said: object, base: str) -> Reply:
    if method == "PUT" and not rest:
        wish = read_wish(said, server.library.shelf, server.terms, server.stand_ins, steady=False)
        is_new = name not in server.scenarios
        server.put(name, wish.shelf, wish.terms, wish.casting)
        return Reply(201 if is_new else 200, _named(name, base))
    world = server.scenarios.get(name)
    if world is None:
        raise _Unknown(f"there is no scenario {name!r}; to make it: PUT {CONTROL}/scenarios/{name}")
    match method, rest:
        case "PATCH", []:
            if world.stand_in is not None:
                raise BadSetting("a scenario", name, "no stand-in, to be changed: make that anew with PUT")
            wish = read_wish(said, world.shelf, world.terms, {}, steady=world.terms.steady)
            world.serve(wish.shelf, wish.terms)
            return Reply(200, _named(name, base))
        case "DELETE", []:
            return Reply(200, report(server.scenarios.pop(name)))
        case "POST", ["reset"]:
            world.reset()
            return Reply(200, {})
    return _world(world, method, rest)


def _world(world: World, method: str, words: list[str]) -> Reply:
    match method, words:
        case "GET" | "HEAD", ["journal"]:
            return Reply(200, [shown(world, each) for each in world.journal.entries])
        case "GET" | "HEAD", ["unmatched"]:
            return Reply(200, [shown(world, each) for each in world.journal.unmatched])
        case "GET" | "HEAD", [] | ["report"]:
            return Reply(200, report(world))
        case "GET" | "HEAD", ["streams", number]:
            return Reply(200, page.stream(world, _number(number)))
    raise _Unknown(f"there is no {method} {'/'.join([CONTROL, *words])}")


def health(server: Server) -> dict[str, object]:
    """That it answers, and with how much."""
    return {
        "status": "ok",
        "interactions": len(server.world.shelf.interactions),
        "scenarios": len(server.scenarios),
        "connections": len(server.connections),
    }


def report(world: World) -> dict[str, object]:
    """What became of a world."""
    return {
        "asked": world.journal.count,
        "unmatched": world.journal.missed,
        "misses": [shown(world, each) for each in world.journal.unmatched],
        "unplayed": list(world.unplayed),
        "unapplied": [{"fault": fault, "reason": reason} for fault, reason in world.unapplied],
    }


def shown(world: World, entry: Entry) -> dict[str, object]:
    """One request of a journal, without its secrets."""
    request = world.shown(entry.request)
    said: dict[str, object] = {
        "number": entry.number,
        "at": entry.at,
        "method": request.method,
        "url": request.uri,
        "headers": [list(each) for each in request.headers],
        "body": request.body[:_BODY_SHOWN].decode("utf-8", "replace"),
    }
    if entry.problem is not None:
        return {**said, "matched": False, "error": describe(entry.problem)}
    said |= {"matched": True, "played": entry.source}
    if entry.played is not None and entry.progress is not None:
        tape = entry.played.response
        said |= {
            "status": tape.status,
            "ending": str(tape.ending),
            "sent": entry.progress.sent,
            "left_early": entry.progress.left_early,
        }
    return said


def _named(name: str, base: str) -> dict[str, object]:
    return {"name": name, "prefix": f"/@{name}", "url": f"{base}/@{name}"}


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 9 else _nothing(word)


def _nothing(word: str) -> NoReturn:
    raise _Unknown(f"{word!r} is no number")
