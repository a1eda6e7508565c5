"""Hypothesis strategies for what a cassette can hold, odd corners included."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Headers, Interaction, Provenance, Request, Tape

slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
"""For properties of whole cassettes, which take a while to make."""
any_text = st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF, categories=None), max_size=20)
plain_text = st.text(st.sampled_from("abXY09 :#'\"-/?&=%,[]{}|>*&!~\t\n"), max_size=20)
words = st.sampled_from(
    [
     "", "null", "Null", "true", "no", "~", "1", "1.5", "0x1F", "a: b", "a #b", "- a", "é", "😀", "\x85", "\u2028",
     "\ufeff", "\udc80", " a", "a ", "'", '"', "a:", "text/event-stream; charset=utf-8", "x" * 1500
    ]
)  # fmt: skip
texts = st.one_of(words, plain_text, any_text)
names = st.one_of(
    st.sampled_from(["Content-Type", "content-type", "Set-Cookie", "Content-Encoding", "Content-Length", "X-A", ""]),
    texts,
)
headers = st.lists(st.tuples(names, texts), max_size=6).map(tuple)
seconds = st.integers(0, 10**7).map(lambda ticks: ticks / 10_000)

lines = st.sampled_from(
    [
     b"data: {\"a\": \"\xf0\x9f\x98\x80\"}", b"data: [DONE]", b"", b" ", b"  ", b"\t", b"id: 1", b": comment",
     b"data:x", b"# no", b"- a", b"a: b", b"...", b"---", b"version: 1", b"\xc2\x85", b"\xe2\x80\xa8",
     b"\xef\xbb\xbf", b"\x00", b"'", b" lead", b"trail "
    ]
)  # fmt: skip
line_ends = st.sampled_from([b"\n", b"\n\n", b"\r\n", b"\r", b""])
streams = st.lists(st.tuples(lines, line_ends).map(b"".join), max_size=8).map(b"".join)
json_text = st.sampled_from(
    [
        b'{"a": "b", "c": {"d": [1, 2, "e, f"]}}' * 4,
        b'["' + b"x" * 120 + b'", "y", {"z": " , "}]',
        b'{"a": "b", ' + b" " * 120 + b"}",
    ]
)
bodies = st.one_of(
    streams, json_text, st.binary(max_size=40), texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> tuple[Chunk, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    chunks = []
    for piece in pieces:
        ends = draw(st.sets(st.integers(0, len(piece)), max_size=3))
        chunks.append(Chunk(draw(seconds), piece, tuple(sorted(ends))))
    return tuple(chunks)


requests = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    uri=st.one_of(
        st.sampled_from(["http://localhost/", "https://a.b/c?d=e&f=%20", "http://[::1]:80/x"]),
        texts.map(lambda text: "http://h/" + text.replace("#", "")),
    ),
    headers=headers,
    body=bodies,
)
heads = st.builds(
    Head,
    status=st.integers(100, 599),
    reason=texts,
    headers=headers,
    version=st.sampled_from(["1.1", "1.0"]),
    at=seconds,
)
endings = st.builds(Ending, kind=st.sampled_from(EndingKind), at=seconds, note=texts)
tapes = bodies.flatmap(lambda body: st.builds(Tape, head=heads, chunks=chunked(body), ending=endings))
provenances = st.builds(Provenance, at=texts, origin=texts, server=texts)
interactions = st.builds(Interaction, request=requests, response=tapes, provenance=provenances)
cassettes = st.lists(interactions, max_size=3).map(lambda found: Cassette(tuple(found), "a.yaml"))


def simple(
    body: bytes, *, headers: Headers = (("Content-Type", "text/event-stream"),), sizes: tuple[int, ...] = ()
) -> Interaction:
    """A GET whose answer is ``body``, in chunks of these sizes, or in one."""
    chunks = []
    start = 0
    for number, size in enumerate(sizes or (len(body),)):
        chunks.append(Chunk(0.01 * (number + 1), body[start : start + size]))
        start += size
    tape = Tape(Head(200, "OK", headers, at=0.005), tuple(chunks), Ending(at=0.5))
    return Interaction(Request("GET", "http://localhost/stream"), tape)
