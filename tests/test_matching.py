"""Which recorded request is the same as the one that is asked, and in which fields another one differs."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.questions import FORM_TYPE, HOST, JSON_TYPE, MULTIPART, RULES, chat, differing, get, multipart, post

from fakegpt_testkit.exchange import Request
from fakegpt_testkit.matching import Likeness, Mismatch, Rules, compare, matches
from fakegpt_testkit.recorder.index import Index, every

pytestmark = pytest.mark.once


EQUAL = {
    "the same": (get("/a?b=1"), get("/a?b=1")),
    "an empty path is the root": (get(""), get("/")),
    "query in another order": (get("/a?b=1&c=2"), get("/a?c=2&b=1")),
    "the default port is written": (Request("GET", "https://h:443/a"), Request("GET", "https://h/a")),
    "host in capitals": (Request("GET", "https://H/a"), Request("GET", "https://h/a")),
    "other headers": (get("/a", (("X", "1"),)), get("/a", (("X", "2"),))),
    "letters that a tool wrote as they are": (get("/%C3%A9/a%20b/%E6%97%A5"), get("/é/a b/日")),
    "escapes in capitals, and of what needs none": (get("/a%2fb/%7Ec%e9"), get("/a%2Fb/~c%E9")),
    "JSON in a text, spaced otherwise": (post({"a": '{"b": [1]}'}), post({"a": '{"b":[1.0]}'})),
    "one JSON line": (post(b'{"a":1}\n'), post(b'{"a": 1}')),
    "JSON keys in another order": (post(b'{"a":1,"b":2}'), post(b'{ "b": 2, "a": 1 }')),
    "JSON escapes": (post(b'{"a":"\\u00e9"}'), post('{"a":"é"}'.encode())),
    "JSON numbers": (post(b'{"a":1}'), post(b'{"a":1.0}')),
    "not a number is itself": (post(b'{"a":NaN}'), post(b'{"a": NaN}')),
    "JSON without its label": (post(b'{"a":1}', ()), post(b'{"a": 1}', ())),
    "the label is on one side only": (post(b"a=%41", FORM_TYPE), post(b"a=A", ())),
    "gzip and plain": (post(gzip.compress(b'{"a":1}')), post(b'{"a":1}')),
    "two gzips of one body": (post(gzip.compress(b"hello", 1), ()), post(gzip.compress(b"hello", 9), ())),
    "zlib": (post(zlib.compress(b'{"a":1}')), post(b'{"a":1}')),
    "a form's escapes": (post(b"a=%C3%A9+b", FORM_TYPE), post("a=é%20b".encode(), FORM_TYPE)),
    "multipart with another boundary": (multipart("one"), multipart("----two")),
    "multipart without its label": (multipart("one"), Request("POST", HOST + "/v1/chat", (), multipart("two").body)),
    "FakeGpt's time": (get("/api/loads?t=1"), get("/api/loads?t=2")),
    "FakeGpt behind a prefix": (get("/pandora/api/loads?t=1"), get("/pandora/api/loads?t=2")),
    "FakeGpt's login": (
        post(b"token_key=a&session_password=b1", FORM_TYPE, "/auth/login"),
        post(b"token_key=c&session_password=d2", FORM_TYPE, "/auth/login"),
    ),
    "FakeGpt's ids": (chat("Say hi", "m-1", "p-1"), chat("Say hi", "m-2", "p-2")),
    "FakeGpt on another port": (
        Request("GET", "http://localhost:4001/api/auth/session"),
        Request("GET", "http://localhost:4002/api/auth/session"),
    ),
}


@pytest.mark.parametrize(("asked", "recorded"), EQUAL.values(), ids=EQUAL.keys())
def test_the_same_request_in_another_spelling_matches(asked: Request, recorded: Request) -> None:
    assert compare(asked, recorded, RULES).differences == ()
    assert matches(asked, recorded, RULES)
    assert matches(recorded, asked, RULES)


@pytest.mark.parametrize(
    "rules",
    [
        RULES,
        Rules(match_on=("body",), ignored=("POST /a body.a",)),
        Rules(match_on=("method", "uri", "headers", "raw_body")),
        Rules(match_on=("method", "path", "body"), ignored=("body.messages[*].id", "query", "host")),
        Rules(match_on=(lambda asked, recorded: asked.method == recorded.method,)),
    ],
)
def test_what_matches_is_found_by_its_key_and_little_else_is(rules: Rules) -> None:
    cases = [*EQUAL.values(), *((asked, recorded) for asked, recorded, _ in DIFFERENT.values())]
    requests = [*dict.fromkeys(each for case in cases for each in case if "[" not in each.uri)]  # vcrpy takes no such
    index = Index(lambda: requests, rules, ())
    found = 0
    for asked in requests:
        numbers = [*every(index.find(asked))]
        same = [at for at, each in enumerate(requests) if matches(asked, each, rules, likeness=Likeness.EXACT)]
        assert set(same) <= set(numbers)
        found += len(numbers)
    if rules == RULES:
        assert found < 4 * len(requests)


DIFFERENT = {
    "method": (get("/a"), Request("HEAD", HOST + "/a"), differing("method", "'HEAD'", "'GET'")),
    "scheme": (
        Request("GET", "http://h:1/a"),
        Request("GET", "https://h:1/a"),
        differing("scheme", "'https'", "'http'"),
    ),
    "host": (Request("GET", "http://h/a"), Request("GET", "http://g/a"), differing("host", "'g'", "'h'")),
    "port": (Request("GET", "http://h/a"), Request("GET", "http://h:8080/a"), differing("port", "8080", "80")),
    "path": (get("/a"), get("/b"), differing("path", "'/b'", "'/a'")),
    "an address that cannot be split": (
        Request("GET", "http://[h/a"),
        Request("GET", "http://[h/b"),
        differing("path", "'http://[h/b'", "'http://[h/a'"),
    ),
    "query": (get("/a?b=1"), get("/a?b=2"), differing("query.b", "'2'", "'1'")),
    "a query field more": (get("/a?b="), get("/a"), differing("query.b", "nothing", "''")),
    "a query field twice": (get("/a?b=1&b=2"), get("/a?b=1&b=3"), differing("query.b[1]", "'3'", "'2'")),
    "bytes that are not text": (get("/a?b=%ff"), get("/a?b=%fe"), differing("query.b", "'\\udcfe'", "'\\udcff'")),
    "t elsewhere": (get("/v1/loads?t=1"), get("/v1/loads?t=2"), differing("query.t", "'2'", "'1'")),
    "the prompt": (
        chat("Say hi"),
        chat("Say hello"),
        differing("body.messages[0].content.parts[0]", "'Say hello'", "'Say hi'"),
    ),
    "an id elsewhere": (
        chat("Say hi", "m-1", target="/v1/chat"),
        chat("Say hi", "m-2", target="/v1/chat"),
        differing("body.messages[0].id", "'m-2'", "'m-1'"),
    ),
    "a message more": (
        post({"messages": ["a", "b"]}),
        post({"messages": ["a"]}),
        differing("body.messages[1]", "nothing", "'b'"),
    ),
    "a key less": (post({"b": 1}), post({"b": 1, "a": {"é": []}}), differing("body.a", '{"é": []}', "nothing")),
    "a key with a dot": (post({"a.b": 1}), post({"a.b": 2}), differing('body["a.b"]', "2", "1")),
    "another kind of value": (post({"a": []}), post({"a": {}}), differing("body.a", "{}", "[]")),
    "true is not one": (post({"a": True}), post({"a": 1}), differing("body.a", "1", "true")),
    "null is not absent": (post({"a": None}), post({}), differing("body.a", "nothing", "null")),
    "half an emoji": (post(b'{"a":["\\ud83d"]}'), post({}), differing("body.a", "nothing", '["\\ud83d"]')),
    "text": (post(b"hi", ()), post(b"ho", ()), differing("body", "'ho'", "'hi'")),
    "bytes": (post(b"\xff", ()), post(b"\xfe", ()), differing("body", "b'\\xfe'", "b'\\xff'")),
    "no body": (post(b"", ()), post(b"ho", ()), differing("body", "'ho'", "nothing")),
    "JSON that is broken": (post(b'{"a":'), post(b'{"a":1'), differing("body", "'{\"a\":1'", "'{\"a\":'")),
    "half a gzip": (post(gzip.compress(b"hello")[:-9], ()), post(b"hello", ()), None),
    "no gzip at all": (post(b"\x1f\x8bhello", ()), post(b"hello", ()), None),
    "form": (post(b"a=1&b=2", FORM_TYPE), post(b"a=1&b=3", FORM_TYPE), differing("body.b", "'3'", "'2'")),
    "a form in another order": (
        post(b"a=1&b=2", FORM_TYPE),
        post(b"b=2&a=1", FORM_TYPE),
        differing("body", "in the order b, a", "in the order a, b"),
    ),
    "a form field three times": (
        post(b"a=1&a=2&a=3", FORM_TYPE),
        post(b"a=1&a=2&a=4", FORM_TYPE),
        differing("body.a[2]", "'4'", "'3'"),
    ),
    "a part's content": (multipart("one", "a\r\n"), multipart("two", "a"), differing("body.file", "'a'", "'a\\r\\n'")),
    "a part's file name": (
        multipart("one", "a", labels='; filename="x"'),
        multipart("one", "a", labels='; filename="y"'),
        None,
    ),
    "a part's type": (multipart("one", "a", labels="\r\nContent-Type: text/plain"), multipart("one", "a"), None),
    "a part's name": (multipart("one", "a", name="f"), multipart("one", "a", name="g"), None),
    "an object in place of its text": (
        post({"a": {"b": 1}}),
        post({"a": '{"b":1}'}),
        differing("body.a", """'{"b": 1}'""", '{"b": 1}'),
    ),
    "an array in place of its text": (
        post({"a": ["x"]}),
        post({"a": '["x"]'}),
        differing("body.a", """'["x"]'""", '["x"]'),
    ),
    "lines in a text, and an array there": (post({"a": '{"b":1}\n{"b":2}'}), post({"a": '[{"b":1},{"b":2}]'}), None),
    "a text of JSON as the whole body": (post(b'"{}"'), post(b"{}"), differing("body", "{}", "'{}'")),
    "JSON lines in place of an array": (
        post(b'{"a":1}\n{"b":2}'),
        post(b'[{"a":1},{"b":2}]'),
        differing("body", '[{"a": 1}, {"b": 2}]', 'lines of JSON: {"a": 1}, {"b": 2}'),
    ),
    "a repeated field in place of an array": (get("/a?b=1&b=2"), get('/a?b=["1","2"]'), None),
    "an escaped slash": (get("/a%2Fb"), get("/a/b"), differing("path", "'/a/b'", "'/a%2Fb'")),
    "multipart that is none": (post(b"a", MULTIPART), post(b"b", MULTIPART), differing("body", "'b'", "'a'")),
}


@pytest.mark.parametrize(("asked", "recorded", "differences"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_another_request_differs_in_named_fields(
    asked: Request, recorded: Request, differences: tuple[Mismatch, ...] | None
) -> None:
    found = compare(asked, recorded, RULES)
    assert not found.equal
    assert not matches(asked, recorded, RULES)
    assert not matches(recorded, asked, RULES)
    if differences is not None:
        assert found.differences == differences


def test_a_placeholder_takes_another_value_only_as_the_last_resort() -> None:
    recorded = get("/a?sig=REDACTED-sig-1")
    fits = {
        "REDACTED-sig-1": (True, True, True),
        "REDACTED-sig-2": (False, True, True),
        "another": (False, False, True),
        "an other": (False, False, False),
    }
    for value, wanted in fits.items():
        asked = get(f"/a?sig={value}")
        assert tuple(matches(asked, recorded, RULES, likeness=each) for each in Likeness) == wanted


def test_parts_without_a_name_go_by_their_number() -> None:
    first, second = (post(b"--b\r\n\r\n" + each + b"\r\n--b--\r\n", MULTIPART) for each in (b"1", b"2"))
    assert compare(first, second, RULES).differences == differing("body.0", "'2'", "'1'")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(value=json_values, data=st.data())
def test_a_body_equals_itself_and_differs_from_a_changed_one(value: object, data: st.DataObject) -> None:
    there, here = (Request("POST", HOST, JSON_TYPE, json.dumps(value, indent=each).encode()) for each in (None, 1))
    assert matches(here, there, RULES)
    other = data.draw(
        json_values.filter(lambda drawn: json.dumps(drawn, sort_keys=True) != json.dumps(value, sort_keys=True))
    )
    changed = Request("POST", HOST, JSON_TYPE, json.dumps({"a": other}).encode())
    original = Request("POST", HOST, JSON_TYPE, json.dumps({"a": value}).encode())
    found = compare(changed, original, RULES)
    numbers_alike = isinstance(other, int | float) and isinstance(value, int | float) and other == value
    assert numbers_alike or all(each.path.startswith("body.a") for each in found.differences)
    assert found.equal is matches(original, changed, RULES)


@given(body=st.binary(), media=st.sampled_from(["", "application/json", *(v for ((_, v),) in (FORM_TYPE, MULTIPART))]))
def test_any_bytes_can_be_compared(body: bytes, media: str) -> None:
    request = Request("POST", HOST, (("Content-Type", media),), body)
    assert compare(request, request, RULES).equal
    compare(request, post(b'{"a":1}'), RULES)


def test_deep_nesting_is_compared_like_any_body() -> None:
    one, other = (post(b"[" * 100_000 + each + b"]" * 100_000) for each in (b"1", b"2"))
    assert matches(one, one, RULES)
    assert not compare(one, other, RULES).equal


@pytest.mark.parametrize(
    ("body", "equal"),
    [
        pytest.param('{"messages": [{"id": "%s"}], "parent_message_id": "%s"}', True, id="in the flow's shape"),
        pytest.param('{"messages": [{"id": "%s"}], "parent": "same"}', False, id="in a shape of its own"),
    ],
)
def test_an_id_is_passed_over_only_in_a_question_of_the_flow(body: str, equal: bool) -> None:
    one, other = (
        Request("POST", "https://my.example/api/conversation", (), body.replace("%s", word).encode()) for word in "ab"
    )
    assert matches(one, other, RULES) is equal
