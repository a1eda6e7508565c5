"""Secrets in streams: in pieces over events, in text that grows, and redacted while they arrive."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.effects import script
from fakegpt_testkit.exchange import Chunk, Head, Headers, Interaction, Request, Tape
from fakegpt_testkit.framing import framing_of, split
from fakegpt_testkit.redaction import Redaction, Redactor, StreamRedactor
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.once, pytest.mark.untraced]

SSE_TYPE = (("Content-Type", "text/event-stream"),)
ADDRESSES_TOO = Redaction(shapes=("email",))

KEY = f"sk-proj-{'a1B2' * 6}"
KNOWN = "tok-7f3a9C21e0b84d55"


def events(values: list[object], end: str = "\n\n") -> bytes:
    return "".join(f"data: {json.dumps(value)}{end}" for value in values).encode()


def deltas(pieces: list[str], end: str = "\n\n") -> bytes:
    return events([{"choices": [{"delta": {"content": piece}, "index": 0}], "id": "c-1"} for piece in pieces], end)


def growing(pieces: list[str], end: str = "\n\n") -> bytes:
    texts = ["".join(pieces[: count + 1]) for count in range(len(pieces))]
    return events([{"message": {"content": {"parts": [text]}}, "error": None} for text in texts], end)


def text_in(event: object) -> str:
    """The string that stands deepest in an event."""
    while not isinstance(event, str):
        event = next(iter(event.values())) if isinstance(event, dict) else event[0] if isinstance(event, list) else ""
    return event


def texts_of(body: bytes) -> list[str]:
    """The text of each event, as a client reads it."""
    lines = (line[6:] for line in body.decode().splitlines() if line.startswith("data: {"))
    return [text_in(json.loads(line)) for line in lines]


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor(ADDRESSES_TOO)
    for secret in secrets:
        redactor.know(secret, "key")
    return redactor


pieces_of_text = st.lists(st.text(st.sampled_from('ab "\\\né😀.'), max_size=5), max_size=8)


@st.composite
def cut_secrets(draw: st.DrawFn) -> list[str]:
    """A text with a secret in it, in pieces."""
    secret = draw(st.sampled_from([KEY, KNOWN, "bob@mail.example", f"Bearer {KNOWN[4:]}"]))
    text = "".join(draw(pieces_of_text)) + " " + secret + " " + "".join(draw(pieces_of_text))
    cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), min_size=1, max_size=8)))
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


@given(pieces=cut_secrets(), end=st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]))
@example(pieces=["s", "k-proj-a1B2a1B2a1B2a1B2a1B2a1B2"], end="\r\r")
@example(pieces=["\\", "\\", "\\ s", "k-proj-a1B2a1B2a1B2a1B2a1B2a1B2 "], end="\n\n")
@example(pieces=["ha", "ha", "ha", "ha s", "k-proj-a1B2a1B2a1B2a1B2a1B2a1B2"], end="\n\n")
@example(pieces=["a", "ab", "a", "ab", " sk-proj-a1B2a1B", "2a1B2a1B2a1B2a1B2"], end="\n\n")
@settings(max_examples=60, deadline=None)
def test_deltas_add_up_to_the_redacted_text(pieces: list[str], end: str) -> None:
    redactor = knowing(KNOWN)
    whole = redactor.text("".join(pieces))
    assert "REDACTED-" in whole
    assert "".join(texts_of(redactor.body(deltas(pieces, end), SSE_TYPE))) == whole


@given(pieces=cut_secrets())
@settings(max_examples=60, deadline=None)
def test_growing_text_still_grows_and_shows_no_beginning_of_a_secret(pieces: list[str]) -> None:
    redactor = knowing(KNOWN)
    whole = redactor.text("".join(pieces))
    texts = texts_of(redactor.body(growing(pieces), SSE_TYPE))
    assert texts[-1] == whole
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert len(texts) == len(pieces)


def test_the_word_stands_in_the_event_where_the_secret_began() -> None:
    body = deltas(["my ", "key is ", KEY[:4], "", KEY[4:9], KEY[9:] + " and", " more"])
    assert texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE)) == [
        "my ",
        "key is ",
        "REDACTED-api-key-1",
        "",
        "",
        " and",
        " more",
    ]


def test_interleaved_answers_are_put_together_one_by_one() -> None:
    values = [
        {"choices": [{"delta": {"content": piece}, "index": index}]}
        for pieces in zip([KEY[:9], KEY[9:], " done"], ["another ", "answer", ""], strict=True)
        for index, piece in enumerate(pieces)
    ]
    body = events(list(values))
    texts = texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE))
    assert texts == ["REDACTED-api-key-1", "another ", "", "answer", " done", ""]


def test_two_answers_in_one_event_are_two_texts() -> None:
    body = events(
        [{"candidates": [{"text": KEY[:9]}, {"text": "b"}]}, {"candidates": [{"text": KEY[9:]}, {"text": "c"}]}]
    )
    stored = Redactor().body(body, SSE_TYPE)
    assert stored == body.replace(KEY[:9].encode(), b"REDACTED-api-key-1").replace(KEY[9:].encode(), b"")


def test_a_text_that_is_rewritten_half_way() -> None:
    body = events([{"parts": [text]} for text in ("a", "a b", "a b \ufffd", f"a b 😀 {KEY[:12]}", f"a b 😀 {KEY} c")])
    stored = [
        json.loads(line[6:])["parts"][0] for line in Redactor().body(body, SSE_TYPE).decode().splitlines() if line
    ]
    assert stored == ["a", "a b", "a b \ufffd", "a b 😀 REDACTED-api-key-1", "a b 😀 REDACTED-api-key-1 c"]


def test_strings_that_are_no_pieces_are_not_joined() -> None:
    body = events([{"name": KEY}, {"name": "tail"}, {"name": KEY}])
    assert Redactor().body(body, SSE_TYPE) == body.replace(KEY.encode(), b"REDACTED-api-key-1")


def test_lines_that_are_no_json() -> None:
    body = f": {KEY}\nid: {KEY}\ndata: a {KEY[:9]}\n\ndata:{KEY[9:]}\n\ndata: [DONE]\n\nretry\n".encode()
    stored = Redactor().body(body, SSE_TYPE)
    word = b"REDACTED-api-key-1"
    assert stored == b": %b\nid: %b\ndata: a %b\n\ndata:\n\ndata: [DONE]\n\nretry\n" % (word, word, word)


def test_json_lines() -> None:
    body = b"".join(json.dumps({"response": piece, "done": False}).encode() + b"\n" for piece in (KEY[:9], KEY[9:]))
    stored = Redactor().body(body, (("Content-Type", "application/x-ndjson"),))
    assert [json.loads(line)["response"] for line in stored.splitlines()] == ["REDACTED-api-key-1", ""]


def test_a_stream_that_breaks_off_in_a_secret() -> None:
    for text in (deltas, growing):
        stored = knowing(KNOWN).body(text(["it is ", KNOWN[:6], KNOWN[6:-2]]), SSE_TYPE)
        assert KNOWN[:8] not in "".join(texts_of(stored))
        assert "REDACTED-key-1" in "".join(texts_of(stored))
    twice = knowing("abcdabcdabcdX9z").body(deltas(["it is ", "abcdabcd"]), SSE_TYPE)
    assert texts_of(twice) == ["it is ", "REDACTED-key-1"]
    short = knowing(KNOWN).body(deltas(["it is ", KNOWN[:6]]), SSE_TYPE)
    assert texts_of(short) == ["it is ", KNOWN[:6]]


def test_json_that_grows_in_a_string_has_one_secret() -> None:
    body = growing(['{"pass', 'word": "', "hun", "ter2", '", "a', '": 1}'])
    texts = texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE))
    assert texts[2:4] == ['{"password": "REDACTED-password-1'] * 2
    assert json.loads(texts[-1]) == {"password": "REDACTED-password-1", "a": 1}


def test_what_stays_takes_no_number() -> None:
    other = KEY.replace("a1", "z9")
    body = events([{"encrypted_content": other, "logprobs": [{"token": other}]}, {"name": KEY}])
    assert Redactor().body(body, SSE_TYPE) == body.replace(KEY.encode(), b"REDACTED-api-key-1")


def test_each_partial_text_takes_no_number() -> None:
    body = growing([KEY[:20], *KEY[20:], " and ", "bob@mail.example", " end"])
    assert (
        texts_of(Redactor(ADDRESSES_TOO).body(body, SSE_TYPE))[-1]
        == "REDACTED-api-key-1 and REDACTED-email-1@example.invalid end"
    )


# --- while it arrives -------------------------------------------------------------------------------------------------


def feed(stream: StreamRedactor, data: bytes) -> bytes:
    return b"".join(chunk.data for chunk in stream.feed(Chunk(0.0, data)))


def close(stream: StreamRedactor) -> bytes:
    return b"".join(chunk.data for chunk in stream.close())


def fed(stream: StreamRedactor, body: bytes, size: int) -> list[bytes]:
    return [feed(stream, body[at : at + size]) for at in range(0, len(body), size)]


def packed_over_lines(packed: bytes) -> bool:
    return b"\n" in packed[10:-8]


STREAMS = {
    "deltas": deltas(["my ", "key is", " ", KEY[:3], KEY[3:9], KEY[9:], " and more"]),
    "growing": growing(["my ", "key is", " ", KEY[:3], KEY[3:9], KEY[9:], " and more"]),
    "known": deltas(["it is ", KNOWN[:5], KNOWN[5:], ". So"]),
    "known, with CRLF": growing(["it is ", KNOWN[:5], KNOWN[5:], ". So"], "\r\n\r\n"),
    "a password in arguments": events(
        [{"delta": {"partial_json": piece}} for piece in ('{"pass', 'word": ', '"hunter', '2 is it", ', '"a": 1}')]
    ),
    "a PEM key": deltas(["key:\n-----BEGIN ", "PRIVATE KEY-----\nMII", "abc", "\n-----END PRIVATE KEY-----", " ok"]),
    "a Bearer": deltas(["Bearer", " ", KNOWN, " ok"]),
    "an address": deltas(["to bob@", "mail.ex", "ample", " now"]),
    "nothing secret": deltas(["hello ", "world"]),
    "no end": deltas(["hello"]) + b"data: [DONE]",
    "lines": f"one\ntwo {KEY}\nthree".encode(),
    "JSON": json.dumps({"accessToken": KNOWN, "a": 1}).encode(),
    "JSON lines": b'{"response": "a"}\n{"response": "b"}\n',
    "one long JSON": json.dumps({"a": ["word " * 20] * 100, "accessToken": KNOWN, "b": f"{KEY} " * 9}).encode(),
    "no end of a line": f"{'one two ' * 50}{KEY} then {KNOWN}, {'x' * 300} {KEY}".encode(),
    "frames of nobody's": b"".join(bytes([0, 0, number, 9]) + KNOWN.encode() + b"\x01" for number in range(11, 60)),
    "nothing": b"",
    "gzip": next(
        packed
        for number in range(999)
        if packed_over_lines(packed := gzip.compress(f"{KEY} {KNOWN} {7**number}".encode(), mtime=0))
    ),
    "without a label": b": hello\n\n" + deltas(["to bob@", "mail.ex", "ample", " now"]),
}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_redacted_as_it_arrives_is_the_same(body: bytes, size: int) -> None:
    headers: Headers = SSE_TYPE if body.startswith(b"data") else ()
    stream = StreamRedactor(knowing(KNOWN), headers)
    out = b"".join(fed(stream, body, size)) + close(stream)
    assert out == knowing(KNOWN).body(body, headers)
    assert close(stream) == b""


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS.keys())
def test_nothing_secret_is_ever_out(body: bytes) -> None:
    stream = StreamRedactor(knowing(KNOWN), SSE_TYPE if body.startswith(b"data") else ())
    out = b"".join(fed(stream, body, 5))
    for secret in (KEY, KNOWN, "hunter2", "bob@mail"):
        assert secret[:6] not in "".join(texts_of(out)) or secret[:6] == "bob@ma"
        assert secret.encode() not in out


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * 3000, (("Content-Type", "application/vnd.amazon.eventstream"),)),
        (bytes(byte for byte in range(256) if byte != 10) * 12, ()),
        (b"0123456789abcdef " * 200, (("Content-Type", "text/plain"),)),
        (json.dumps({"items": ["some words"] * 900}).encode(), (("Content-Type", "application/json"),)),
    ],
    ids=["a word without an end", "binary", "words", "one JSON text"],
)
def test_what_has_no_ends_of_lines_is_out_as_it_comes(body: bytes, headers: Headers) -> None:
    stream = StreamRedactor(Redactor(), headers)
    out = fed(stream, body, 100)
    assert len(b"".join(out)) >= len(body) - 128
    assert sum(map(bool, out)) > len(out) / 2
    assert b"".join(out) + close(stream) == body


def test_the_rest_of_a_word_goes_that_shows_only_at_its_end_what_it_is() -> None:
    redactor = knowing("Q" * 30 + KNOWN * 3)
    stream = StreamRedactor(redactor)
    assert KNOWN.encode() not in b"".join(fed(stream, b"it is " + b"Q" * 30 + KNOWN.encode() * 3 + b" ok", 35))


def test_each_event_is_out_when_it_is_complete() -> None:
    pieces = ["my ", "dear ", "friend, ", "how ", "are ", "you"]
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    for piece in pieces:
        assert texts_of(feed(stream, deltas([piece]))) == [piece]
    assert feed(stream, b"data: half") == b""
    assert feed(stream, b" an event\n") == b""
    assert feed(stream, b"\n") == b"data: half an event\n\n"


def test_what_one_event_says_is_secret_is_secret_in_the_next() -> None:
    redactor = Redactor()
    stream = StreamRedactor(redactor, SSE_TYPE)
    assert feed(stream, events([{"accessToken": KNOWN}])) == events([{"accessToken": "REDACTED-accessToken-1"}])
    assert feed(stream, events([{"name": KNOWN}])) == events([{"name": "REDACTED-accessToken-1"}])
    assert redactor.text(KNOWN) == "REDACTED-accessToken-1"


def test_a_short_event_is_out_at_once_where_the_headers_tell() -> None:
    assert feed(StreamRedactor(Redactor(), SSE_TYPE), b": ok\n\n") == b": ok\n\n"


def test_the_rest_of_a_secret_goes_whose_first_letters_are_out() -> None:
    stream = StreamRedactor(Redactor(ADDRESSES_TOO), SSE_TYPE)
    out = [texts_of(feed(stream, deltas([piece]))) for piece in ("mail ", "hello", "world@mail.example", " now")]
    assert out == [["mail "], ["hello"], [], ["", " now"]]


def test_events_are_held_while_a_secret_arrives_and_no_longer() -> None:
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    out = [texts_of(feed(stream, deltas([piece]))) for piece in ("key ", KEY[:9], KEY[9:], " is", " it")]
    assert out == [["key "], [], [], ["REDACTED-api-key-1", "", " is"], [" it"]]


def test_what_is_held_has_a_bound() -> None:
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    begun = feed(stream, deltas(["-----BEGIN PRIVATE KEY-----"]))
    held = [feed(stream, deltas(["x" * 50_000])) for _ in range(6)]
    assert begun == b""
    assert any(held)


# --- in every framing ---


def said_by(dialect: str, pieces: list[str]) -> tuple[bytes, Headers]:
    """An answer in these pieces: its body and what labels it."""
    if dialect.startswith("gemini array"):
        parts = [{"candidates": [{"content": {"parts": [{"text": piece}]}}]} for piece in pieces]
        pretty = 2 if dialect.endswith("lines") else None
        return ("[" + "\n,\r\n".join(json.dumps(part, indent=pretty) for part in parts) + "\n]").encode(), ()
    (interaction,) = script(*pieces, dialect=dialect.removesuffix(" without a label"))
    return interaction.response.body, () if dialect.endswith("a label") else interaction.response.headers


FRAMINGS = [*WRITERS, "ollama without a label", "gemini array", "gemini array over lines"]
PIECES = {
    "early": [KEY[:9], KEY[9:], " and more", "."],
    "later": ["it ", "is ", KEY[:3], KEY[3:12], KEY[12:], " and more", "."],
    "known": ["it ", "is ", KNOWN[:5], KNOWN[5:], " and more", "."],
}


def text_of(body: bytes, headers: Headers) -> str:
    request = Request("POST", "https://api.example/v1/models/m:streamGenerateContent")
    return Stream(Interaction(request, Tape(Head(200, headers=headers), (Chunk(0, body),)))).text


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("dialect", FRAMINGS)
def test_a_secret_over_two_events_is_never_out_in_any_framing(dialect: str, pieces: list[str]) -> None:
    body, headers = said_by(dialect, pieces)
    framing = framing_of(body)
    assert framing is not None
    whole = knowing(KNOWN).body(body, headers)
    told = text_of(whole, headers)
    assert ("REDACTED-" in told, "and more." in told) == (True, True)
    assert not any(secret[:10] in told for secret in (KEY, KNOWN))
    for parts in (split(body, framing), [body[at : at + 7] for at in range(0, len(body), 7)]):
        stream = StreamRedactor(knowing(KNOWN), headers)
        out = b""
        for part in parts:
            out += feed(stream, part)
        assert not any(secret[:5] in text_of(out, headers) for secret in (KEY, KNOWN))
        assert out + close(stream) == whole


@pytest.mark.parametrize("piece", ["{", "}", '"', "\\", '{"a": "}', '{"text": "a"},', "[{"])
def test_an_array_that_is_none_is_read_once(piece: str) -> None:
    def seconds(size: int) -> float:
        body = b"[{" + piece.encode() * (size // len(piece))
        stream = StreamRedactor(Redactor())
        began = time.process_time()
        out = b"".join(fed(stream, body, 50)) + close(stream)
        assert out == body
        return time.process_time() - began

    assert not grows_with_its_square(seconds, 10_000)


def test_what_a_list_of_any_service_says_in_its_elements_is_no_text_in_pieces() -> None:
    people = json.dumps([{"name": name, "token": KNOWN} for name in ("sk-proj-", "a1B2" * 3, "a1B2" * 3)]).encode()
    told = json.loads(Redactor().body(people))
    assert [each["name"] for each in told] == ["sk-proj-", "a1B2" * 3, "a1B2" * 3]
    assert {each["token"] for each in told} == {"REDACTED-token-1"}


# --- as fast for strange input ----------------------------------------------------------------------------------------

STRANGE = {
    "letters": "a",
    "backslashes": "\\",
    "quotes": '"',
    "escaped quotes": '\\"',
    "open keys": '"password":"',
    "open escaped keys": '\\"password\\":\\"',
    "keys of all depths": '"password": \\"password\\": \\\\\\"password\\\\\\": ',
    "braces": "{",
    "brackets after a key": '"secret":[',
    "at signs": "@",
    "addresses": "a@a.a",
    "dots": "a.",
    "labels": "@a.a.a.a.a.a.a.a.a.a.",
    "keys": "sk-",
    "JWT": "eyJ",
    "JWT parts": "eyJaaaaaaaa.",
    "PEM": "-----BEGIN PRIVATE KEY-----",
    "schemes": "://",
    "users": "://a:",
    "Bearer": "Bearer ",
    "Basic": "Basic ",
    "ampersands": "&key=",
    "percents": "%61",
    "escapes": "\\u0061",
    "commas": '",',
    "pairs": 'name="password" value="',
    "names": 'name="password" ',
    "data lines": "data: {\n",
    "events": 'data: {"content": "a"}\n\n',
    "apostrophes": "'",
    "base64": "dG9rLTdmM2E5QzIxZTBiODRkNTU",
    "boundaries": "--b\n",
    "known beginnings": "tok-7f3a9C21e0b84d5",
    "spaces": " ",
    "colons": ": ",
}


def grows_with_its_square(seconds: Callable[[int], float], size: int) -> bool:
    """Whether four times the size takes far more than four times the processor time, three times in a row."""
    return all(seconds(4 * size) > 9 * seconds(size) + 0.05 for _ in range(3))


@pytest.mark.parametrize("piece", STRANGE.values(), ids=STRANGE.keys())
@pytest.mark.parametrize("start", ["", "data: "], ids=["body", "stream"])
def test_time_grows_with_the_size_and_not_with_its_square(piece: str, start: str) -> None:
    headers = (("Content-Type", "multipart/form-data"),) if piece.startswith("--") else ()

    def seconds(size: int) -> float:
        body = (start + piece * (size // len(piece))).encode()
        redactor = knowing(KNOWN)
        began = time.process_time()
        redactor.body(body, headers)
        return time.process_time() - began

    assert not grows_with_its_square(seconds, 25_000)


def test_growing_text_takes_time_by_its_bytes() -> None:
    def seconds(size: int) -> float:
        body = growing([f"word {number} " for number in range(int(size**0.5))])
        chunks = tuple(Chunk(at / 1e5, body[at : at + 1400]) for at in range(0, len(body), 1400))
        request = Request("GET", "https://h/", (("X-Api-Key", KNOWN),))
        began = time.process_time()
        Redactor().interaction(Interaction(request, Tape(Head(200, headers=SSE_TYPE), chunks)))
        return time.process_time() - began

    assert not grows_with_its_square(seconds, 10_000)


def test_chunks_that_come_together_keep_their_times_and_their_ends() -> None:
    pieces = [deltas(["it is "]), deltas([KEY[:9]]), deltas([KEY[9:]]), deltas([" is"])]
    body = b"".join(pieces)
    came = [Chunk(number, piece, (len(piece),)) for number, piece in enumerate(pieces)]
    came[1:3] = [Chunk(1, body[len(pieces[0]) : -len(pieces[3]) - 4]), Chunk(2, pieces[2][-4:], (4,))]
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    out = [*stream.feed(*came[:1]), *stream.feed(*came[1:]), *stream.feed(Chunk(4, b"data: half")), *stream.close()]
    assert [chunk.at for chunk in out] == [0, 1, 2, 3, 4]
    assert [len(chunk.ends) for chunk in out] == [1, 0, 1, 1, 0]
    assert texts_of(b"".join(chunk.data for chunk in out[:-1])) == ["it is ", "REDACTED-api-key-1", "", " is"]


def test_a_chunk_in_which_an_event_ends_comes_out_in_two() -> None:
    stream = StreamRedactor(Redactor(), SSE_TYPE)
    first, half = deltas(["one"]), b"data: tw"
    (shown,) = stream.feed(Chunk(0, first + half, (len(first), len(first + half))))
    assert (shown.data, shown.ends) == (first, (len(first),))
    rest = stream.feed(Chunk(1, b"o\n\n", (3,)))
    assert [(chunk.at, chunk.data, chunk.ends) for chunk in rest] == [(0, half, (len(half),)), (1, b"o\n\n", (3,))]
