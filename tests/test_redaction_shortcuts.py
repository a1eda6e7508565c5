"""Expressions that are spared where they can find nothing: what takes their place finds the same."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakegpt_testkit.redaction import joined, places, views

pytestmark = pytest.mark.once

RUNS = st.lists(
    st.one_of(
        st.text("aZ09+/=._-", min_size=20, max_size=70),
        st.text("0aF", min_size=44, max_size=60),
        st.sampled_from([" ", "\n", "==", ".", ".a", "=", "-", "\xe9", "\0", "~", '"']),
    ),
    max_size=12,
).map("".join)
KEYS = st.text("\"'\\:ab .-[$ \nu0", max_size=40)
STRINGS = st.text('"\\: \na', max_size=30)


@settings(max_examples=300)
@given(RUNS, st.integers(1, 100))
def test_long_runs_are_where_base64_and_hexadecimal_are(text: str, part: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "_PART", part)
        runs = list(views._runs(text))
    for form in (views._BASE64, views._HEX):
        assert [found for run in runs for found in form.findall(run)] == form.findall(text)


@settings(max_examples=300)
@given(KEYS)
def test_a_text_without_escapes_has_the_same_keys(text: str) -> None:
    if "u00" not in text:
        assert places._PLAIN_KEY.findall(text) == places._KEY.findall(text)


@settings(max_examples=300)
@given(
    st.recursive(STRINGS, lambda more: st.lists(more, max_size=3) | st.dictionaries(STRINGS, more, max_size=3)),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\t")]),
    st.integers(0, 200),
)
def test_strings_are_what_stands_between_quotes_that_no_backslash_is_before(
    value: object, separators: tuple[str, str], cut: int
) -> None:
    line = json.dumps({"of": value}, ensure_ascii=False, separators=separators)
    for event in (line, line[:cut]):
        key, found = "", []
        for string in re.finditer(r'"((?:[^"\\]|\\.)*+)"(\s*+:)?', event, re.DOTALL):
            if string[2]:
                key = string[1]
            else:
                found.append((key, string.span(1)))
        assert [(name, place) for name, place, _ in joined._strings(event)] == found


def test_each_word_that_is_packed_is_looked_at_and_once() -> None:
    first, second = ({"user": "ann", "who": "somebody else"}, {"password": "q8Rt5Kx2Wm9Zp4Lc7Vb1"})
    packed = [base64.b64encode(json.dumps(each).encode()).decode() for each in (first, second)]
    in_hex = json.dumps(second).encode().hex()
    seen = list(views.views(f"{packed[0]} {packed[1]} {packed[0]} {in_hex}"))
    assert seen == [json.dumps(each) for each in (first, second, second)]
