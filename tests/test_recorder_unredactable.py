"""Secrets that cannot be taken out, and words that changed what an answer says: a recording tells both."""

from __future__ import annotations

import gzip
import json
import os
import sys
import warnings
import zlib
from typing import TYPE_CHECKING

import pytest
from support.secrets_measured import record
from support.secrets_planted import Planted
from support.suites import INI

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape, load_cassette, use_cassette
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.errors import FakeGptTestkitWarning, SecretStays
from fakegpt_testkit.recorder import changes
from fakegpt_testkit.redaction import Redaction, Redactor
from fakegpt_testkit.storage import leftovers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.once

KEY = "q8Rt5Kx2Wm9Zp4Lc7Vb1"


def event(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


SIGNED = b'data: {"signature": "%s"}\n\n' % KEY.encode()
PACKED = b"\x0b\xff\xfe\x81" * 9 + KEY.encode() + b"\xf0\x90" * 20
BODIES = {
    "a field that is sent back": ("application/json", json.dumps({"signature": KEY}).encode(), "check or send back"),
    "such a field in a stream": ("text/event-stream", event("hi") + SIGNED, "check or send back"),
    "a coding nobody took off": ("text/plain", PACKED, "packed as zstd"),
}


@pytest.mark.parametrize(("kind", "body", "told"), BODIES.values(), ids=BODIES.keys())
def test_a_body_that_its_client_could_read_no_more_is_an_error(kind: str, body: bytes, told: str) -> None:
    coded = (("Content-Encoding", "zstd"),) if "packed" in told else ()
    asked = Request("GET", "https://a.example/file")
    answer = Interaction(asked, Tape(Head(200, "OK", (("Content-Type", kind), *coded)), (Chunk(0.0, body),)))
    redactor = Redactor(None, {"A_KEY": KEY})
    with pytest.raises(SecretStays) as failed:
        redactor.interactions([answer], "a.yaml")
    (place,) = failed.value.places
    assert place.startswith("interaction 1, GET /file, the response's body: ")
    assert told in place
    assert KEY not in str(failed.value)
    fine = Interaction(asked, Tape(answer.response.head, (Chunk(0.0, body.replace(KEY.encode(), b"a" * len(KEY))),)))
    assert redactor.interactions([fine], "a.yaml")


PACKERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gzip": (lambda text: gzip.compress(text, mtime=0), gzip.decompress),
    "x-gzip": (lambda text: gzip.compress(text, 1, mtime=0), gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "gzip, gzip": (
        lambda text: gzip.compress(gzip.compress(text, mtime=0), mtime=0),
        lambda body: gzip.decompress(gzip.decompress(body)),
    ),
}


@pytest.mark.parametrize("coding", PACKERS)
def test_a_packed_upload_is_packed_again(coding: str) -> None:
    pack, unpack = PACKERS[coding]
    texts = [json.dumps({"span": "a", "password": KEY}).encode(), f"the key is {KEY}".encode()]
    bodies = [pack(text) for text in texts]
    headers = [(("Content-Encoding", coding), ("Content-Length", str(len(body)))) for body in bodies]
    answer = Tape(Head(200, "OK"), ())
    sent = [
        Interaction(Request("POST", "https://a.example/t", fields, body), answer)
        for fields, body in zip(headers, bodies, strict=True)
    ]
    for before, after in zip(texts, Redactor().interactions(sent, "a.yaml"), strict=True):
        assert unpack(after.request.body) == before.replace(KEY.encode(), b"REDACTED-password-1")
        assert dict(after.request.headers)["Content-Length"] == str(len(after.request.body))


async def test_it_is_not_saved_and_no_journal_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    before = {each.path for each in leftovers()}
    case = Planted("signed", KEY, answer=json.dumps({"signature": KEY}).encode(), answer_kind="application/json")
    with pytest.raises(SecretStays, match=r"(?s)a\.yaml was not written.*passthrough"):
        await record([case], tmp_path / "a.yaml")
    assert [name for name in os.listdir(tmp_path) if name.endswith("yaml")] == []  # noqa: PTH208
    assert {each.path for each in leftovers()} == before


async def test_a_recording_warns_of_an_answer_that_a_replay_gives_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    kind = "text/event-stream"
    stream = event("your door opens with ") + event(KEY[:9]) + event(KEY[9:]) + b"data: [DONE]\n\n"
    told = Planted("told", KEY, answer=stream, answer_kind=kind)
    untold = Planted("untold", KEY, answer=event("good day") + b"data: [DONE]\n\n", answer_kind=kind)
    login = Planted("login", KEY, answer=json.dumps({"access_token": KEY}).encode(), answer_kind="application/json")
    with pytest.warns(FakeGptTestkitWarning, match="character 22 of its text") as warned:
        await record([untold, told, login], tmp_path / "a.yaml")
    (each,) = (each for each in warned if "redaction" in str(each.message))
    assert str(each.message).count("redaction changed the text of this answer") == 1
    assert KEY not in str(each.message)
    kept = load_cassette(tmp_path / "a.yaml").interactions
    with use_cassette(Cassette(kept)) as session:
        assert session.redacted_places == ()
    with warnings.catch_warnings(record=True) as others:
        await record([untold, login], tmp_path / "b.yaml")
    assert not any("redaction" in str(other.message) for other in others)


SUITE = """
import pytest, requests
from fakegpt_testkit import script

ANSWER = script("your door opens with REDACTED-A-KEY-1", dialect="openai-chat", url="https://a.example/v1")

@pytest.mark.fakegpt(ANSWER)
def test_asks():
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    answer = requests.post("https://a.example/v1/chat/completions", json=body)
    assert "q8Rt" in answer.text
"""


def test_the_report_of_a_test_says_where_its_answer_was_changed(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    pytester.makepyfile(test_suite=SUITE)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    said = "redaction changed the text of this answer at character 22 of its text (REDACTED-A-KEY-1)"
    assert said in result.stdout.str()


def test_what_is_kept_on_purpose_is_no_reason() -> None:
    body = json.dumps({"url": f"https://a.example/?signature={KEY}", "signature": KEY}).encode()
    answer = Interaction(Request("GET", "https://a.example/"), Tape(Head(200), (Chunk(0.0, body),)))
    with pytest.raises(SecretStays):
        Redactor().interactions([answer], "a.yaml")
    (kept,) = Redactor(Redaction(keep=("signature",))).interactions([answer], "a.yaml")
    assert kept.response.body == body


LOGIN = b'{"token": "REDACTED-token-1"}'


@pytest.mark.parametrize(
    ("body", "label", "nothing"),
    [
        (LOGIN, "application/json; charset=utf-8", True),
        (b' {"user": {"message": "REDACTED-token-1"}}', "Application/JSON", True),
        (b'{"m\\u0065ssage": "REDACTED-token-1"}', "application/json", False),
        (LOGIN + b"\n" + LOGIN, "application/json", False),
        (LOGIN, "application/x-ndjson", False),
        (b'["REDACTED-token-1"]', "application/json", False),
        (b"data: " + LOGIN, "application/json", False),
        (b'{"a":' * 9999, "application/json", False),
    ],
)
def test_a_login_is_told_from_a_models_answer_without_the_dialects(
    body: bytes, label: str, nothing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("fakegpt_testkit.dialects", "fakegpt_testkit.time"))]:
        monkeypatch.delitem(sys.modules, name)
    head = Head(200, headers=(("Content-Type", label),))
    answer = Interaction(Request("GET", "https://a.example/"), Tape(head, (Chunk(0.0, body),)))
    assert changes.says_nothing(answer) is nothing
    if nothing:
        assert [*changes.redacted_places([answer])] == []
        assert "fakegpt_testkit.dialects" not in sys.modules
    monkeypatch.setitem(sys.modules, "fakegpt_testkit.dialects.known", None)
    assert not changes.says_nothing(answer)
