"""The server: which world a request is for, and what is answered when it is for none.

Knows sockets only as connections that it is given, and nothing of how it is started.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import BadSetting, FakeGptTestkitError
from fakegpt_testkit.exchange import Interaction, Request, header
from fakegpt_testkit.recorder.origins import origin_of
from fakegpt_testkit.serving import cross_origin, hosts
from fakegpt_testkit.serving.control import CONTROL, Reply, control
from fakegpt_testkit.serving.fitting import Here, fit
from fakegpt_testkit.serving.misses import STATUS, miss_body
from fakegpt_testkit.serving.plan import Plans, SendProgress
from fakegpt_testkit.serving.reading import Limits, ReadRequest, Refused
from fakegpt_testkit.serving.world import Shared, Terms, World, as_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Headers
    from fakegpt_testkit.serving.acting import Casting, StandIns
    from fakegpt_testkit.serving.connection import Connection
    from fakegpt_testkit.serving.library import Library, Shelf
    from fakegpt_testkit.serving.recording import Recorder

MOST_SCENARIOS: Final = 1000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_JSON: Final = (("Content-Type", "application/json"),)
_CHANGES: Final = frozenset({"DELETE", "PATCH", "POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: the host names that this server answers to beside its own, and the pages that may read answers."""

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


@dataclass(slots=True)
class Server:
    """Answers the requests of all connections. ``say`` takes a line for the console."""

    library: Library
    terms: Terms = field(default_factory=Terms)
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    say: Callable[[str], None] = lambda _: None
    recorder: Recorder | None = None
    """Answers in the place of the world without a name, and asks the live service; None where that plays."""
    casting: Casting | None = None
    """Answers in the place of the library, outside of scenarios."""
    stand_ins: StandIns = field(default_factory=dict)
    """The stand-ins that a scenario may ask for."""
    world: World = field(init=False)
    scenarios: dict[str, World] = field(init=False, default_factory=dict)
    connections: set[Connection] = field(init=False, default_factory=set)
    missed: int = field(init=False, default=0)
    """How many requests had no answer since the start, whatever was reset since."""
    _plans: Plans = field(init=False, default_factory=Plans)
    _shared: Shared = field(init=False)

    def __post_init__(self) -> None:
        self._shared = Shared(self.limits)
        self.world = World(self.library.shelf, self.terms, self._shared, self.casting)

    # --- scenarios ---

    def put(self, name: str, shelf: Shelf, terms: Terms, casting: Casting | None = None) -> World:
        """A new scenario of this name; what was there before is dropped. Raises ``BadSetting``."""
        if not _NAME.fullmatch(name):
            raise BadSetting("a scenario's name", name, "letters, digits, dots, dashes and underscores, at most 100")
        if name not in self.scenarios and len(self.scenarios) >= MOST_SCENARIOS:
            raise BadSetting("a scenario", name, f"one of at most {MOST_SCENARIOS}: drop those that are done with")
        self.scenarios[name] = World(shelf, terms, self._shared, casting)
        return self.scenarios[name]

    def reset(self) -> None:
        """As it was at the start: no scenarios, nothing asked."""
        self.scenarios.clear()
        self.world.reset()

    def reload(self) -> None:
        """Read the cassettes anew. Raises, and goes on with those it has, where one cannot be read."""
        before = self.library.shelf
        shelf = self.library.load()
        self.world.serve(shelf)
        for world in self.scenarios.values():
            world.serve(world.shelf.renewed(before, shelf))

    def close(self) -> None:
        """Save what was recorded."""
        if self.recorder is not None:
            self.recorder.close()

    # --- requests ---

    def refused(self, refused: Refused) -> tuple[bytes, Headers]:
        """The answer to what cannot be read as a request, or is none for this server."""
        if self.world.stand_in is not None:
            return self.world.stand_in.refused(refused)
        said = {"error": {"type": "RequestRefused", "message": str(refused)}}
        return json.dumps(said).encode(), _JSON

    def answer(self, asked: ReadRequest, connection: Connection) -> None:
        """Answer a request."""
        if asked.host and not hosts.is_ours(asked.host, connection.address, self.access.hosts):
            name = hosts.hostname(asked.host) or asked.host
            connection.refuse(Refused(421, f"this server is not {name!r}; if it is: serve with --allow-host {name}"))
            return
        path = asked.target.partition("?")[0]
        if path == CONTROL or path.startswith(f"{CONTROL}/"):
            self._control(asked, connection)
            return
        if self.access.origins and cross_origin.is_preflight(asked.method, asked.headers):
            granted = cross_origin.preflight_fields(asked.headers, self.access.origins)
            connection.reply(204 if granted else 403, b"", granted)
            return
        world, base, target = self._place(asked, connection)
        here = Here(
            base,
            asked.version,
            header(asked.headers, "Accept-Encoding") or "",
            cross_origin.fields(asked.headers, self.access.origins),
            asked.keeps_open,
        )
        if world is self.world and self.recorder is not None:
            self._record(self.recorder, asked, connection, here)
            return
        request = Request(asked.method, here.origin + target, asked.headers, asked.body)
        self.play(world, request, connection, here)

    def play(self, world: World, request: Request, connection: Connection, here: Here) -> None:
        """Answer a request from a world, or say why that has no answer."""
        answer = world.ask(request, here)
        if isinstance(answer, FakeGptTestkitError):
            self._miss(world, request, answer, connection, here)
            return
        plan = answer.plan or self._plans.plan(answer.tape, request.method, answer.recorded)
        connection.play(plan, world.terms.timing, answer.progress)

    def _record(self, recorder: Recorder, asked: ReadRequest, connection: Connection, here: Here) -> None:
        """Answer from the cassette that is recorded, or from the live service."""
        try:
            number, request, tape = recorder.ask(asked)
        except Exception as failure:
            problem = as_problem(failure)
            request = Request(asked.method, here.origin + asked.target, asked.headers, asked.body)
            self.world.note(request, "", problem=problem)
            self._miss(self.world, request, problem, connection, here)
            return
        if tape is None:
            journal, noted = self.world.journal, self.world.note(request, "the live service", live=True)
            recorder.forward(
                number,
                request,
                asked,
                connection,
                here,
                lambda heard, progress: journal.complete(noted, heard, progress),
            )
            return
        fitted = fit(tape, request.method, here, [origin_of(request.uri)])
        progress = SendProgress(fitted, request.method)
        played = Interaction(request, tape)
        self.world.note(request, "the cassette", played=played, progress=progress)
        plan = self._plans.plan(fitted, request.method, None)
        connection.play(plan, self.world.terms.timing, progress)

    def _miss(
        self, world: World, request: Request, problem: FakeGptTestkitError, connection: Connection, here: Here
    ) -> None:
        self.missed += 1
        self.say(str(problem))
        body, fields = miss_body(world.shown(request), problem)
        connection.reply(STATUS, body, (*fields, *here.fields))

    def _place(self, asked: ReadRequest, connection: Connection) -> tuple[World, str, str]:
        """The world that is asked, the base of its URLs, and the target below that.

        Only the name of a scenario that there is counts: services have paths that begin with ``/@`` too.
        """
        base = f"{'https' if connection.is_secure else 'http'}://{asked.host or connection.address}"
        if asked.target.startswith("/@"):
            name = re.split(r"[/?]", asked.target[2:], maxsplit=1)[0]
            if name in self.scenarios:
                rest = asked.target[2 + len(name) :]
                return self.scenarios[name], f"{base}/@{name}", rest if rest.startswith("/") else f"/{rest}"
        return self.world, base, asked.target if asked.target != "*" else "/*"

    def _control(self, asked: ReadRequest, connection: Connection) -> None:
        """Answer what is asked of the server itself: of no page of elsewhere, and as JSON, which a form cannot send."""
        page = header(asked.headers, "Origin")
        if not hosts.is_own_page(page, asked.host, connection.address, self.access.hosts):
            reply = Reply(403, {"error": f"a page of {page} does not control this server"})
        elif asked.method in _CHANGES and asked.body and not _is_json(asked):
            reply = Reply(415, {"error": "the body is JSON: Content-Type: application/json"})
        else:
            reply = control(self, asked, f"{'https' if connection.is_secure else 'http'}://{asked.host}")
        if isinstance(reply.value, str):
            connection.reply(
                reply.status, reply.value.encode("utf-8", "replace"), (("Content-Type", "text/html; charset=utf-8"),)
            )
            return
        body = json.dumps(reply.value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"
        connection.reply(reply.status, body, _JSON)


def _is_json(asked: ReadRequest) -> bool:
    return (header(asked.headers, "Content-Type") or "").partition(";")[0].strip().lower() == "application/json"
