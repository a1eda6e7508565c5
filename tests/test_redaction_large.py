"""A large body is read for secrets in parts, which finds what a reading of the whole finds."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakegpt_testkit.exchange import PLACEHOLDER, Headers
from fakegpt_testkit.redaction import Redaction, Redactor, large

pytestmark = pytest.mark.once

STREAM: Headers = (("Content-Type", "text/event-stream"),)
KEY = "sk-proj-Zx8Rt5Kx2Wm9Zp4Lc7Vb1Qn3Ty6Ua0"
OTHER = "Qm7Tz2Wp9Xc4Vn8Kd3Hs6Lf1Rb5Yg0Ja"
WORD = re.compile(rf"(?:{PLACEHOLDER.pattern})\.*")  # with the dots that keep a length
KNOWN = "a secret of\n two lines, Zt7Wq2Mx9Lc4"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA7bq0Yd3kz8cWmQ4vLrPzT1sN\n" * 12
    + "-----END RSA PRIVATE KEY-----"
)
PLAIN = "the quick brown fox jumps over the lazy dog, number one of many\n"


def event(text: str) -> str:
    return f"data: {json.dumps({'id': 'c1', 'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n"


PLACES = {
    "a known one": f"it is {KNOWN} and ends\n",
    "a known one in base64": base64.b64encode(f"so {KNOWN} and more of it".encode()).decode() + "\n",
    "a shape": f"the key is {KEY} and so on\n",
    "a key of lines": f"{PEM}\n",
    "below its name": '{\n  "tokens": [\n'
    + "".join(f'    "{OTHER[at:] + OTHER[:at]}",\n' for at in range(30))
    + '    ""\n  ]\n}\n',
    "JSON in a string": json.dumps({"body": json.dumps({"api_key": OTHER, "n": 1})}) + "\n",
    "a pair": f'<input name="csrf_token"\n value="{OTHER}">\n',
    "an assignment": f"export SERVICE_PASSWORD={OTHER}\n",
    "a query": f"GET https://a.example/x?access_token={OTHER}&b=1\n",
    "a message": f"HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: sid={OTHER}\r\nX-Api-Key: abc-{KEY[8:20]}\r\n\r\n",
    "YAML": f"password: |\n  {OTHER}\n",
    "base64": f"{'QXV0aG9yaXphdGlvbjogQmVhcmVyIFhZWlhZWlhZWlhZWlhZWlhZWlhZWg=='}\n",
    "what stays": '{"logprobs": {"token": "sk", "encrypted_content": "' + OTHER + '"}}\n',
}


def redacted(text: str, headers: Headers, *, parts: bool) -> str:
    """A body without its secrets, with one mark for whatever word stands in their place: these are numbered as met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "LARGE", 1 if parts else 2**40)
        patch.setattr(large, "PART", 700)
        patch.setattr(large, "REACH", 300)
        redactor = Redactor()
        redactor.know(KNOWN, "session")
        return WORD.sub("\u2588", redactor.body(text.encode("latin-1"), headers).decode("latin-1"))


@given(
    st.lists(st.sampled_from([*PLACES.values(), PLAIN, PLAIN * 9, PLAIN * 20]), min_size=1, max_size=12),
    st.sampled_from(["", "name,password,place\n", "[\n", "\0", "\xff\xfe\n"]),
)
@settings(max_examples=25)
def test_parts_show_what_the_whole_shows(texts: list[str], beginning: str) -> None:
    text = beginning + "".join(texts)
    assert redacted(text, (), parts=True) == redacted(text, (), parts=False)


@given(
    st.lists(st.sampled_from([*PLACES.values(), PLAIN, PLAIN * 9]), min_size=1, max_size=9),
    st.integers(3, 400),
)
@settings(max_examples=8)
def test_parts_of_a_stream_show_what_the_whole_shows(texts: list[str], size: int) -> None:
    said = "".join(texts)
    text = "".join(event(said[at : at + size]) for at in range(0, len(said), size))
    assert redacted(text, STREAM, parts=True) == redacted(text, STREAM, parts=False)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("before", [640])
def test_each_place_is_found_wherever_a_part_ends(place: str, before: int) -> None:
    for more in range(0, len(place) + 80, 40 + len(place) // 8):
        text = (PLAIN * 60)[: before + more] + "\n" + place + PLAIN * 30
        after = redacted(text, (), parts=True)
        assert after == redacted(text, (), parts=False)
        assert KNOWN not in after


def test_a_table_names_its_columns_once() -> None:
    rows = "".join(f"{PLAIN[number : number + 9]},{OTHER[number:] + OTHER[:number]},here\n" for number in range(20))
    after = redacted(f"who,password,where\n{rows * 3}", (), parts=True)
    assert after.count("\u2588") == 60


def test_a_list_that_is_longer_than_a_part_and_what_stands_around_it_has_one_name() -> None:
    secrets = [OTHER[at:] + OTHER[:at] for at in range(32)] * 3
    after = redacted(PLAIN * 9 + json.dumps({"cookies": secrets}, indent=1) + PLAIN * 40, (), parts=True)
    assert after.count("\u2588") == len(secrets)


def test_what_begins_long_before_the_end_of_a_part_is_read_on_behind_it() -> None:
    several = ['"no, this is a sentence about nothing"'] * 60 + [f'"{OTHER}"', '"a1b2c3d4"']
    fields = "".join(f"X-Field-{number}: {PLAIN}" for number in range(40))
    for place in (
        '{"cookies": [\n  ' + ",\n  ".join(several) + "\n]}\n",
        f"HTTP/1.1 200 OK\n{fields}X-Api-Key: {KEY[8:20]}\n\n",
    ):
        for before in range(0, 900, 90):
            text = (PLAIN * 20)[:before] + "\n" + place + PLAIN * 30
            assert redacted(text, (), parts=True) == redacted(text, (), parts=False)
            assert "\u2588" in redacted(text, (), parts=True)


def test_what_a_suite_looks_for_sees_all_of_a_body() -> None:
    patch = pytest.MonkeyPatch()
    seen: list[int] = []
    with patch.context() as context:
        context.setattr(large, "LARGE", 1)

        def look(text: str) -> list[str]:
            seen.append(len(text))
            return []

        Redactor(Redaction(functions=(look,))).body(PLAIN.encode() * 99, ())
    assert max(seen) == len(PLAIN) * 99
