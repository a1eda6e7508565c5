"""Other replies in the place of a stream: statuses, pages, and none at all. `faults` gives them to users.

Knows no place in a stream: of what was recorded only the dialect matters, for the words of an error.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from fakegpt_testkit.effects import speaking
from fakegpt_testkit.effects.effect import Effect
from fakegpt_testkit.effects.surgery import without
from fakegpt_testkit.errors import EffectMisplaced
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Tape

_REASONS = {int(known): known.phrase for known in HTTPStatus}

_CHALLENGE = (
    b'<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
    b"<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)


def status(code: int, *, retry_after: int | None = None, detail: str = "", error: str = "") -> Effect:
    """Another status, with a JSON body as the recorded service writes it: ``detail`` its words, ``error`` its code.

    ``retry_after`` is in seconds; 429 says 1 when it is not given.
    """
    if not 200 <= code <= 599:
        raise EffectMisplaced("status", f"{code} is the status of no answer", "give one from 200 to 599")
    reason = _REASONS.get(code, "")
    wait = 1 if retry_after is None and code == HTTPStatus.TOO_MANY_REQUESTS else retry_after
    headers = [("Content-Type", "application/json")]
    headers += [("Retry-After", str(wait))] if wait is not None else []

    def change(tape: Tape) -> Tape:
        body, fields = speaking.error_body(tape, code, detail or reason or str(code), error)
        return _answered(tape, code, reason, (*headers, *fields), body)

    return Effect(f"status({code})", change)


def challenge(status: int = 200) -> Effect:
    """A web page for browsers in place of the answer."""
    headers = (("Content-Type", "text/html; charset=UTF-8"), ("cf-mitigated", "challenge"))
    reason = _REASONS.get(status, "")
    return Effect(f"challenge({status})", lambda tape: _answered(tape, status, reason, headers, _CHALLENGE))


def content_type(value: str = "text/plain; charset=utf-8") -> Effect:
    """The same body under another content type."""

    def change(tape: Tape) -> Tape:
        headers = (*without(tape.headers, "content-type"), ("Content-Type", value))
        return tape.with_head(replace(tape.head, headers=headers))

    return Effect(f"content_type({value!r})", change)


def no_reply(*, reset: bool = False) -> Effect:
    """The connection ends before any byte of a response: closed in order, or lost with an error."""
    kind, note = (EndingKind.RESET, "ECONNRESET") if reset else (EndingKind.EOF, "")
    name = "no_reply(reset=True)" if reset else "no_reply()"
    return Effect(name, lambda tape: Tape(Head(0), (), Ending(kind, tape.head.at, note)))


def refused() -> Effect:
    """Nobody listens where the client connects."""
    return _unconnected("refused", "refused")


def dns() -> Effect:
    """The host's name is not known."""
    return _unconnected("dns", "dns")


def tls(*, handshake: bool = False) -> Effect:
    """The host's certificate is not trusted; or, with ``handshake``, it does not speak TLS."""
    return _unconnected("tls", "handshake" if handshake else "certificate", "handshake=True" if handshake else "")


def connect_timeout() -> Effect:
    """The host does not answer to the client's knocking; in lockstep the client's timeout fires at once."""
    return _unconnected("connect_timeout", "timeout")


def _answered(tape: Tape, code: int, reason: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Tape:
    at = tape.head.at
    headers = (*headers, ("Content-Length", str(len(body))))
    return Tape(Head(code, reason, headers, "1.1", at), (Chunk(at, body),), Ending(at=at))


def _unconnected(name: str, note: str, option: str = "") -> Effect:
    ending = Ending(EndingKind.UNCONNECTED, note=note)
    return Effect(f"{name}({option})", lambda _: Tape(Head(0), (), ending))
