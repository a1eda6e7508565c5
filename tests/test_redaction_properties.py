"""What holds for all values: no known secret survives, what must stay does, nothing is redacted twice."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.redacting import JSON_TYPE, SSE_TYPE, TOKEN, URL, redacted, tape

from fakegpt_testkit.exchange import (
    PLACEHOLDER,
    Headers,
    Interaction,
    Request,
)
from fakegpt_testkit.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

secrets = st.text(st.sampled_from('aB3xZ9-_/+%"\\é😀 '), min_size=10, max_size=30).filter(
    lambda text: text.strip() == text and any(each.isdigit() for each in text) and any(each.isalpha() for each in text)
)
words = st.text(st.sampled_from('ab \n"\\{}:,=&1é'), max_size=12)
FORMS_OF_A_SECRET: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "JSON": lambda secret: json.dumps(secret),
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "URL": lambda secret: quote(secret, safe=""),
    "URL, some": quote,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 after one": lambda secret: base64.b64encode(b"?" + secret.encode()).decode(),
    "base64 after two": lambda secret: base64.urlsafe_b64encode(b"??" + secret.encode() + b">").decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal in capitals": lambda secret: secret.encode().hex().upper(),
    "HTML": html.escape,
    "escaped": lambda secret: "".join(
        f"\\u{ord(each):04x}" if ord(each) < 128 else json.dumps(each)[1:-1] for each in secret
    ),
    "percent": lambda secret: "".join(f"%{each:02x}" for each in secret.encode()),
}


@given(secret=secrets, form=st.sampled_from(sorted(FORMS_OF_A_SECRET)), before=words, after=words, data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_known_secret_survives_in_any_encoding(
    secret: str, form: str, before: str, after: str, data: st.DataObject
) -> None:
    written = FORMS_OF_A_SECRET[form](secret)
    body = f"{before}\n{written}\n{after}".encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    planted = Interaction(Request("GET", URL, (("X-Api-Key", secret),)), tape(*pieces))
    redactor = Redactor()
    stored = redactor.interaction(planted)
    assert written.encode() not in stored.response.body
    assert len(stored.response.chunks) == len(pieces) or len(stored.response.body) < len(pieces)
    assert all(chunk.data for chunk in stored.response.chunks)
    assert redactor.interaction(stored) == stored
    assert Redactor().interaction(stored) == stored


keys = st.sampled_from(
    ["password", "api_key", "text", "content", "delta", "token", "signature", "max_tokens", "code", "a"]
)
leaves = st.one_of(
    secrets, words, st.integers(), st.none(), st.booleans(), st.sampled_from([TOKEN, "a@b.example", f"sk-{'x1' * 12}"])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
)
exchanges = st.builds(
    lambda events, framing, cut, header: (
        "".join(framing.format(json.dumps(event)) for event in events).encode(),
        cut,
        header,
    ),
    st.lists(st.dictionaries(keys, values, max_size=4), min_size=1, max_size=6),
    st.sampled_from(["data: {}\n\n", "event: x\r\ndata: {}\r\n\r\n", "{}\n", "{}"]),
    st.integers(1, 60),
    st.sampled_from(["Authorization", "Cookie", "X-Other"]),
)


def interaction_of(exchange: tuple[bytes, int, str], secret: str) -> Interaction:
    body, cut, header = exchange
    pieces = [body[at : at + cut] for at in range(0, len(body), cut)]
    return Interaction(Request("POST", f"{URL}?key={quote(secret)}", ((header, secret),), body), tape(*pieces))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"signature": [[{{"signature": ""}}, "{TOKEN}", "{TOKEN}"]]}}',
        f'{{"signature": {{"a": ["{TOKEN}"]}}}}',
        f'{{"encrypted_content": [{{"b": "{TOKEN}"}}], "c": "{TOKEN}"}}',
    ],
)
def test_a_known_secret_below_a_key_whose_value_stays_is_found(body: str) -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    assert TOKEN.encode() not in redactor.body(body.encode(), (("Content-Type", "application/json"),))


@pytest.mark.untraced
@given(exchange=exchanges, secret=st.just(TOKEN) | secrets)
@settings(max_examples=50, deadline=None)
def test_what_is_redacted_stays_as_it_is(exchange: tuple[bytes, int, str], secret: str) -> None:
    redactor = Redactor()
    stored = redactor.interaction(interaction_of(exchange, secret))
    assert redactor.interaction(stored) == stored
    assert Redactor().interaction(stored) == stored


@given(exchange=exchanges)
@settings(max_examples=50, deadline=None)
def test_chunks_stay_as_many_and_in_time(exchange: tuple[bytes, int, str]) -> None:
    planted = interaction_of(exchange, TOKEN)
    stored = Redactor().interaction(planted).response
    assert all(chunk.data for chunk in stored.chunks)
    if len(stored.body) >= len(planted.response.chunks):
        assert [chunk.at for chunk in stored.chunks] == [chunk.at for chunk in planted.response.chunks]


def kept(value: object) -> list[object]:
    """The values that must stay, in order."""
    match value:
        case dict():
            own = [each for key, each in value.items() if key in {"signature", "max_tokens"} and isinstance(each, str)]
            return own + [deep for key, each in value.items() if key != "signature" for deep in kept(each)]
        case list():
            return [deep for each in value for deep in kept(each)]
        case _:
            return []


@given(value=st.dictionaries(keys, values))
@settings(max_examples=60, deadline=None)
def test_what_must_stay_does_and_json_stays_json(value: dict[str, object]) -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    assert kept(redacted(value, redactor)) == kept(value)


@given(st.binary(max_size=200), st.sampled_from([(), JSON_TYPE, SSE_TYPE]))
@settings(max_examples=60, deadline=None)
def test_any_bytes_can_be_redacted(body: bytes, headers: Headers) -> None:
    stored = Redactor().body(body, headers)
    assert PLACEHOLDER.search(stored.decode("latin-1")) or stored == body
