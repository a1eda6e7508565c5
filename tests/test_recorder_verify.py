"""Verifying a cassette: the live service is asked, nothing is written, and what drifted is found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import aiohttp
import pytest
from support.servers import Asked, serve

from fakegpt_testkit import RecordMode, faults, load_cassette, script, use_cassette
from fakegpt_testkit.drift import Severity
from fakegpt_testkit.errors import AnswerCutOff, BadSetting, CassetteMissing, Drifted, VerificationIncomplete
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from fakegpt_testkit.fakegpt.stand_in import OtherAnswer as Switch
from fakegpt_testkit.recorder import Advice
from fakegpt_testkit.wire.reading import RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.drift import Drift
    from fakegpt_testkit.recorder import Session
    from fakegpt_testkit.recorder.settings import Mode

LIVE = "https://chat-shared2.zhile.io"


async def flow(file: Path, options: Options, **use: Any) -> Session:
    """Log in and ask once, at a stand-in of its own; a stream that breaks is the caller's business."""
    with serve_in_thread(options) as service, use_cassette(file, origins={service.url: LIVE}, **use) as session:
        provider: type[FakeGpt] = type("Provider", (FakeGpt,), {"url": service.url})
        try:
            await provider.create_async("", [{"role": "user", "content": "Say hello"}])
        except (aiohttp.ClientPayloadError, AnswerCutOff):
            assert options.drift == {"other-ending"}
    return session


@pytest.fixture
async def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    await flow(tmp_path / "a.yaml", Options(text="Hello there"), record_mode="once")
    return tmp_path / "a.yaml"


def state(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mtime_ns


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def drift_of(session: Session) -> Drift:
    assert session.drift is not None
    return session.drift


KINDS = [
    ("", Severity.SAME, ""),
    ("other-text", Severity.HARMLESS, "the answer's text differs: from character 1 on, 'Hello there', now 'In "),
    ("other-ids", Severity.HARMLESS, "the events differ in their values"),
    ("other-timing", Severity.HARMLESS, "the first bytes come after 0."),
    ("new-field", Severity.ADDED, "message of assistant: new fields: message.channel"),
    ("new-event", Severity.ADDED, "a new kind of event comes: delta_encoding"),
    ("gone-field", Severity.BROKEN, "message of assistant: fields gone: message.weight"),
    ("other-type", Severity.BROKEN, "message.create_time is of another type: number, now text"),
    ("other-status", Severity.BROKEN, "status 200, now 202"),
    ("other-ending", Severity.BROKEN, "the response ended as complete, now as eof"),
]
"""Each switch of the stand-in, the severity of what it does, and what is said of it."""


@pytest.mark.parametrize(("drift", "severity", "text"), KINDS)
async def test_each_way_in_which_a_service_drifts_has_its_severity(
    recorded: Path, drift: Any, severity: Severity, text: str
) -> None:
    before = state(recorded)
    options = Options(text="Hello there", drift=frozenset([drift] if drift else []))
    session = await flow(recorded, options, record_mode="verify", drift="never")
    found = drift_of(session)
    assert (found.severity, found.compared, found.unasked) == (severity, 4, ())
    assert {each.where for each in found.differences} == ({"POST /api/conversation"} if drift else set())
    assert any(each.severity is severity and text in each.text for each in found.differences) is bool(drift)
    assert state(recorded) == before


async def test_a_drift_that_counts_is_an_error_with_all_that_is_to_be_known(recorded: Path) -> None:
    options = Options(text="Hello there", drift=frozenset({"new-event", "gone-field", "other-ids"}))
    with pytest.raises(Drifted) as raised:
        await flow(recorded, options, record_mode="verify", advice=Advice(lambda _: "some command"))
    error = raised.value
    gone = "events of the kind message of assistant: fields gone: message.weight"
    assert error.differences == (("broken", 4, "POST /api/conversation", gone),)
    assert (error.severity, error.drift, error.command) == ("broken", "broken", "some command")
    assert str(error).splitlines()[1:] == [
        f"  broken   4 POST /api/conversation: {gone}",
        "  if the program copes with it, record it again: some command",
        "  if not, the program is what to change; to let it pass for now: drift='never'",
    ]
    with pytest.raises(Drifted, match="record_mode='all'") as all_of_it:
        await flow(recorded, options, record_mode=RecordMode.VERIFY, drift="harmless")
    assert [each[0] for each in all_of_it.value.differences] == ["broken", "added", "harmless"]
    await flow(recorded, Options(text="Hello there", drift=frozenset({"new-field"})), record_mode="verify")


def test_an_error_shows_no_more_than_a_person_reads() -> None:
    error = Drifted("a.yaml", "broken", (("broken", 1, "GET /", "x"),) * 12, "do it")
    assert str(error).count("broken   1 GET /: x") == 10
    assert "\n  and 2 more\n" in str(error)


async def test_a_block_that_raises_keeps_its_exception_and_drift_is_a_note(recorded: Path) -> None:
    with serve_in_thread(Options(drift=frozenset({"gone-field"}))) as service:
        provider: type[FakeGpt] = type("Provider", (FakeGpt,), {"url": service.url})
        origins = {service.url: LIVE}
        with pytest.raises(ZeroDivisionError) as raised, use_cassette(recorded, record_mode="verify", origins=origins):
            await provider.create_async("", [{"role": "user", "content": "Say hello"}])
            raise ZeroDivisionError
        (note,) = raised.value.__notes__
        assert note.startswith("the service no longer answers as in ")
        with pytest.raises(ZeroDivisionError) as quiet, use_cassette(recorded, record_mode="verify", drift="never"):
            raise ZeroDivisionError
        assert not hasattr(quiet.value, "__notes__")


async def test_everything_goes_live_and_is_at_hand_meanwhile(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journals = recorded.parent / "journals"
    monkeypatch.setenv("XDG_STATE_HOME", str(journals))
    with serve_in_thread(Options(text="Hello there")) as service:
        origins = {service.url: LIVE}
        with use_cassette(recorded, record_mode="verify", origins=origins, max_age=0, stale="fail") as session:
            provider: type[FakeGpt] = type("Provider", (FakeGpt,), {"url": service.url})
            assert drift_of(session).compared == 0
            assert len(drift_of(session).unasked) == 4
            assert await provider.create_async("", [{"role": "user", "content": "Say hello"}]) == "Hello there"
            assert drift_of(session).compared == 4
            assert (session.recorded, session.played, len(session.interactions)) == ((), (), 4)
            assert len(session.exchanged) == 4
            assert session.streams[0].text == "Hello there"
        assert len(service.requests) == 4
    assert files(journals) == [], "a journal was begun"


async def test_no_secret_of_the_live_service_is_in_what_is_found(recorded: Path) -> None:
    key = "c0ffee-secret-tenant-key-1234"
    asked = {"prompt": "Hi", "tenant_key": key}

    def answer(asked: Asked) -> tuple[bytes]:
        body = json.dumps({"key": key, "said": asked.body.decode(), "new": [key]}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-{key}: 1\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head.encode() + body,)

    file = recorded.parent / "b.yaml"
    other = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"said": 1}'
    modes: list[tuple[tuple[bytes] | Callable[[Asked], tuple[bytes]], Mode]] = [((other,), "once"), (answer, "verify")]
    async with aiohttp.ClientSession() as client:
        for answers, mode in modes:
            async with serve({"/": answers}) as server:
                with use_cassette(file, origins={server.url: LIVE}, drift="never", record_mode=mode) as session:
                    headers = {"X-Api-Key": key}
                    async with client.post(f"{server.url}/", json=asked, headers=headers) as response:
                        await response.read()
    assert drift_of(session).severity is Severity.BROKEN
    assert key not in repr(drift_of(session))
    assert key not in file.read_text()


async def test_another_tools_cassette_is_redacted_before_anything_is_said_of_it(tmp_path: Path) -> None:
    key = "sk-proj-" + "a1B2c3D4" * 5
    file = tmp_path / "raw.yaml"
    file.write_text(
        f"interactions:\n- request: {{body: 'key={key}', headers: {{}}, method: POST, uri: 'http://a.example/'}}\n"
        f"  response: {{body: {{string: 'a {key}'}}, headers: {{}}, status: {{code: 200, message: OK}}}}\nversion: 1\n"
    )
    async with serve({"/": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)}) as server:
        origins = {server.url: "http://a.example"}
        with use_cassette(file, record_mode="verify", origins=origins, match_on=["raw_body"]) as session:
            async with aiohttp.ClientSession() as client, client.post(f"{server.url}/", data=b"other") as response:
                await response.read()
    texts = [each.text for each in drift_of(session).differences]
    assert any(text.startswith("the question differs in body: 'key=REDACTED-") for text in texts)
    assert key not in repr(drift_of(session))


async def test_without_a_cassette_there_is_nothing_to_verify_and_no_packet_is_sent(tmp_path: Path) -> None:
    async with serve({}) as server:
        with use_cassette(tmp_path / "a.yaml", record_mode="verify") as session:
            async with aiohttp.ClientSession() as client:
                with pytest.raises(CassetteMissing, match="record_mode='all'"):
                    await client.get(server.url)
        assert (server.connections, session.drift, files(tmp_path)) == (0, None, [])


async def test_a_service_that_cannot_be_reached_is_named(recorded: Path) -> None:
    async with serve({}) as server:
        gone = server.url
    with use_cassette(recorded, record_mode="verify", advice=Advice(elsewhere="look elsewhere")):
        async with aiohttp.ClientSession() as client:
            with pytest.raises(aiohttp.ClientConnectorError) as raised:
                await client.get(gone)
    (note,) = raised.value.__notes__
    assert note.splitlines() == [
        f"{gone} could not be reached, so {recorded} could not be verified",
        "  to verify it against another URL: look elsewhere",
    ]


def test_options_that_make_no_sense_here_are_refused(recorded: Path) -> None:
    with pytest.raises(BadSetting, match=r"faults is 'reset.*none with record_mode='verify'"):
        use_cassette(recorded, record_mode="verify", faults=[faults.reset(1)]).__enter__()
    with pytest.raises(BadSetting, match="drift is 'often'; wanted: one of harmless, added, broken, never"):
        use_cassette(recorded, drift="often").__enter__()  # type: ignore[arg-type]


def test_a_script_has_no_service_and_plays(recorded: Path) -> None:
    with use_cassette(
        script("Hello"), record_mode="verify", faults=[faults.status(503)], unapplied="ignore"
    ) as session:
        pass
    with use_cassette(recorded) as replaying:
        pass
    assert (session.drift, session.plays, replaying.drift) == (None, True, None)
    assert len(load_cassette(recorded).interactions) == 4


async def test_what_cannot_be_compared_is_told(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def choke(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(RequestReader, "feed", choke)
    with pytest.raises(VerificationIncomplete, match=r"could not be compared with 4 exchanges [^$]*a fault of ours"):
        await flow(recorded, Options(), record_mode="verify")


def test_the_page_has_each_switch_with_its_severity() -> None:
    page = (Path(__file__).parent.parent / "docs/verify.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| `(\w+)` \|$", page, re.MULTILINE)
    assert rows == [(drift, severity.word) for drift, severity, _ in KINDS if drift]
    assert [drift for drift, _ in rows] == list(get_args(Switch))
