"""What the stand-in service is told to do, as one value.

Knows no HTTP: it says which answer, cut and broken how; the other modules of the room do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.fakegpt.scripting import Step

StreamCuts = Literal["event", "random", "byte", "utf8", "data", "crlf"]
"""Where the stream is cut into chunks: after each event, anywhere, after each byte; or after each event and also
inside each UTF-8 character, inside each ``data:``, between each CR and its LF."""

Noise = Literal["system", "echo", "tool", "ping", "moderation"]
"""Events around the answer: a system message, the user's own message, a plugin's call and result, pings, a verdict."""

AnswerFinish = Literal["stop", "max_tokens", "interrupted", "content_filter"]
"""Why the answer ends; anything but ``stop`` also makes its status ``finished_partial_completion``."""

StreamEnd = Literal["done", "unmarked", "close", "cut", "reset", "malformed", "stall", "endless"]
"""How the stream ends.

``done``: with ``data: [DONE]``. ``unmarked``: without it, in good order. ``close``: the connection closes between two
HTTP chunks. ``cut``: it closes inside an HTTP chunk. ``reset``: it is reset. ``malformed``: a broken HTTP chunk header
comes. ``stall``: nothing comes any more, the connection stays. ``endless``: pings come, until the client leaves.
"""

OtherAnswer = Literal[
    "other-text",
    "other-ids",
    "other-timing",
    "new-field",
    "new-event",
    "gone-field",
    "other-type",
    "other-status",
    "other-ending",
]
"""How the answer is not as it was in a recording: three that are harmless, two that add something, four that break it.

The text of another seed; other ids; a second and a half before the first event; a field ``channel`` in each message; an
event ``delta_encoding`` before all others; no field ``weight``; a ``create_time`` in words; status 202; a connection
that closes before the end mark. ``body`` stays as it is.
"""


@dataclass(frozen=True, slots=True)
class StepRefusal:
    """One step answered with a refusal, whatever was asked.

    ``detail`` and, when given, ``code`` make the JSON body; ``html`` sends a challenge page instead. ``times`` is how
    often the step is refused before it works; None means always. Any status goes, 200 too.
    """

    step: Step = "conversation"
    status: int = 429
    detail: str = "Too many requests in 1 hour. Try again later."
    code: str = ""
    html: bool = False
    times: int | None = None

    def __post_init__(self) -> None:
        _one_of("refusal.step", self.step, get_args(Step))
        if not 200 <= self.status <= 599:
            raise BadSetting("refusal.status", self.status, "a status from 200 to 599")


@dataclass(frozen=True, slots=True)
class Options:
    r"""What the service answers; the same options give the same answers to the same requests.

    ``seed`` makes every id, time, token, cookie and random cut. ``text`` is the answer; None makes one from the seed
    and the prompt. ``body`` replaces the whole stream by these bytes. ``raw`` sends JSON as UTF-8, not as ``\uXXXX``;
    cuts inside a UTF-8 character do that anyway, and cuts between CR and LF send CRLF line ends. ``events`` is how
    many events are sent before the ``ending``; None is all of them. ``delay`` is in seconds, between two chunks.
    The first step lists ``accounts``, the first ``busy`` of them in use. The first ``stale_tokens`` tokens
    handed out are refused when they are used. ``redirect`` answers a login with 302 instead of 200. ``drift`` makes the
    answer another one than it would have been, in these ways.
    """

    seed: int = 0
    text: str | None = None
    body: bytes | None = None
    finish: AnswerFinish = "stop"
    noise: frozenset[str] = frozenset()
    newline: Literal["\n", "\r\n"] = "\n"
    raw: bool = False
    cuts: StreamCuts = "event"
    delay: float = 0.0
    ending: StreamEnd = "done"
    events: int | None = None
    accounts: int = 3
    busy: int = 0
    stale_tokens: int = 0
    redirect: bool = False
    refusal: StepRefusal | None = None
    drift: frozenset[OtherAnswer] = frozenset()

    def __post_init__(self) -> None:
        _one_of("finish", self.finish, get_args(AnswerFinish))
        _one_of("newline", self.newline, ("\n", "\r\n"))
        _one_of("cuts", self.cuts, get_args(StreamCuts))
        _one_of("ending", self.ending, get_args(StreamEnd))
        for noise in sorted(self.noise):
            _one_of("noise", noise, get_args(Noise))
        for drift in sorted(self.drift):
            _one_of("drift", drift, get_args(OtherAnswer))
        for name in ("delay", "accounts", "busy", "stale_tokens", "events"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise BadSetting(name, value, "zero or more")
        if self.busy > self.accounts:
            raise BadSetting("busy", self.busy, f"at most the {self.accounts} accounts")

    @property
    def end(self) -> StreamEnd:
        """How the stream really ends."""
        return "close" if "other-ending" in self.drift else self.ending

    @property
    def line_end(self) -> str:
        """The line end that is sent."""
        return "\r\n" if self.cuts == "crlf" else self.newline

    @property
    def escaped(self) -> bool:
        r"""Whether JSON goes out as ASCII with ``\uXXXX``."""
        return not self.raw and self.cuts != "utf8"


def _one_of(option: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadSetting(option, value, "one of " + ", ".join(map(repr, allowed)))
