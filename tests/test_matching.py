"""Which recorded request answers the one that is asked, and what is said when none does."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakegpt_testkit.errors import BadSetting, FakeGptTestkitError, RequestNotRecorded, RequestPlayedOut
from fakegpt_testkit.exchange import Headers, Request
from fakegpt_testkit.matching import (
    DEFAULT_MATCH_ON,
    Likeness,
    Mismatch,
    Rules,
    VcrRequest,
    closest,
    compare,
    matches,
    not_recorded,
    search,
)
from fakegpt_testkit.recorder.index import Index, every

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

HOST = "https://chat.example"
RULES = Rules()
JSON_TYPE = (("Content-Type", "application/json"),)
FORM_TYPE = (("Content-Type", "application/x-www-form-urlencoded"),)
MULTIPART = (("Content-Type", 'multipart/form-data; boundary="one"'),)


def get(target: str, headers: Headers = ()) -> Request:
    return Request("GET", HOST + target, headers)


def post(body: bytes | dict[str, object], headers: Headers = JSON_TYPE, target: str = "/v1/chat") -> Request:
    return Request("POST", HOST + target, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def chat(prompt: str, message_id: str = "m-1", parent: str = "p-1", target: str = "/api/conversation") -> Request:
    message = {"id": message_id, "content": {"content_type": "text", "parts": [prompt]}}
    return post({"action": "next", "messages": [message], "parent_message_id": parent}, target=target)


def multipart(boundary: str, content: str = "hello\r\n", name: str = "file", labels: str = "") -> Request:
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{labels}\r\n\r\n{content}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\nContent-Length: 3\r\n\r\nfun\r\n'
        f"--{boundary}--\r\n"
    )
    return post(body.encode(), (("content-type", f"multipart/form-data; boundary={boundary}"),))


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


def differing(path: str, recorded: str, asked: str) -> tuple[Mismatch, ...]:
    return (Mismatch(path, recorded, asked),)


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


def test_what_was_ignored_is_said() -> None:
    comparison = compare(chat("Say hi", "m-1"), chat("Say hello", "m-2"), RULES)
    assert comparison.ignored == ("body.messages[0].id", "body.parent_message_id")


IGNORED = {
    "an index": ("body.a[0]", {"a": [1, 2]}, {"a": [3, 2]}, True),
    "another index": ("body.a[1]", {"a": [1, 2]}, {"a": [3, 2]}, False),
    "every index": ("body.a[*].id", {"a": [{"id": 1}, {"id": 2}]}, {"a": [{"id": 3}, {"id": 4}]}, True),
    "every name": ("body.*.id", {"a": {"id": 1}}, {"a": {"id": 2}}, True),
    "one step is one step": ("body.*.id", {"a": {"b": {"id": 1}}}, {"a": {"b": {"id": 2}}}, False),
    "any depth": ("body.**.id", {"a": [{"b": {"id": 1}}]}, {"a": [{"b": {"id": 2}}]}, True),
    "any depth is also none": ("body.**.id", {"id": 1}, {"id": 2}, True),
    "any depth, twice": ("body.**.a.**.id", {"x": {"a": {"y": {"id": 1}}}}, {"x": {"a": {"y": {"id": 2}}}}, True),
    "a quoted name": ('body["a.b"].c', {"a.b": {"c": 1}}, {"a.b": {"c": 2}}, True),
    "a quoted star is a name": ('body["*"]', {"a": 1}, {"a": 2}, False),
    "a missing field": ("body.a", {"a": 1}, {}, True),
    "the whole body": ("body", {"a": 1}, {"b": 1}, True),
    "any request's": ("* * body.a", {"a": 1}, {"a": 2}, True),
    "this endpoint's": ("POST /v1/chat body.a", {"a": 1}, {"a": 2}, True),
    "this endpoint's by a star": ("post /v1/* body.a", {"a": 1}, {"a": 2}, True),
    "another endpoint's": ("POST /v1/cha body.a", {"a": 1}, {"a": 2}, False),
    "another method's": ("PUT /v1/chat body.a", {"a": 1}, {"a": 2}, False),
    "a query field's": ("query.a", {"a": 1}, {"a": 2}, False),
}


@pytest.mark.parametrize(("rule", "asked", "recorded", "equal"), IGNORED.values(), ids=IGNORED.keys())
def test_ignored_paths(rule: str, asked: dict[str, object], recorded: dict[str, object], equal: bool) -> None:
    assert compare(post(asked), post(recorded), Rules(ignored=(rule,))).equal is equal


def test_an_ignored_form_field_may_stand_anywhere() -> None:
    asked, recorded = (post(body, FORM_TYPE) for body in (b"a=1&t=1&b=2", b"t=2&a=1&b=2"))
    assert matches(asked, recorded, Rules(ignored=("body.t",)))


def test_an_ignored_form_may_be_in_any_order() -> None:
    asked, recorded = (post(body, FORM_TYPE) for body in (b"a=1&b=2", b"b=2&a=1"))
    assert compare(asked, recorded, Rules(ignored=("body",))).ignored == ("body",)
    assert matches(asked, recorded, Rules(ignored=("body",)))


def test_the_whole_of_other_fields_can_be_ignored() -> None:
    rules = Rules(ignored=("scheme", "port", "query"))
    assert compare(get("/a?b=1"), Request("GET", "http://chat.example:99/a?c=1"), rules).ignored == (
        "scheme",
        "port",
        "query",
    )


MATCHERS = {
    "headers, any case, ignored ones": (
        ("headers",),
        get("/a", (("ACCEPT", "x"), ("X-Time", "1"))),
        get("/b", (("accept", "x"), ("x-time", "2"))),
        (),
    ),
    "headers": (("headers",), get("/a"), get("/a", (("A", "1"),)), differing("headers.a", "'1'", "nothing")),
    "redacted credentials": (
        ("headers",),
        get("/a", (("Authorization", "Bearer REDACTED-authorization-1"),)),
        get("/a", (("authorization", "Bearer REDACTED-accessToken-2"),)),
        (),
    ),
    "uri": (("uri",), get("/a?x=1&y=1"), get("/a?y=1&x=1"), None),
    "url": (("url",), get(""), get("/"), ()),
    "uri without an ignored field": (("uri",), get("/a?x=1&time=1"), get("/a?time=2&x=1"), ()),
    "raw_body": (("raw_body",), post(b'{"a":1}'), post(b'{"a": 1}'), differing("body", "'{\"a\": 1}'", "'{\"a\":1}'")),
    "method alone": (("method",), get("/a"), get("/b"), ()),
    "nothing at all": ((), get("/a"), post(b"b"), ()),
}


@pytest.mark.parametrize(("names", "asked", "recorded", "differences"), MATCHERS.values(), ids=MATCHERS.keys())
def test_matchers_are_chosen_by_name(
    names: tuple[str, ...], asked: Request, recorded: Request, differences: tuple[Mismatch, ...] | None
) -> None:
    found = compare(asked, recorded, Rules(names, ignored=("headers.X-Time", "query.time"))).differences
    assert found == differences if differences is not None else found


def test_every_name_that_vcrpy_knows_is_known() -> None:
    from vcr.config import VCR

    Rules(match_on=tuple(VCR().matchers))
    assert set(VCR().match_on) < set(DEFAULT_MATCH_ON)


def same_first_letter(asked: VcrRequest, recorded: VcrRequest) -> bool:
    return (asked.body or b"-")[:1] == (recorded.body or b"-")[:1]


def same_accept(asked: VcrRequest, recorded: VcrRequest) -> None:
    assert asked.headers["accept"] == recorded.headers["ACCEPT"]


def refuses_silently(asked: VcrRequest, recorded: VcrRequest) -> None:
    raise AssertionError


def test_a_suites_own_matchers_are_vcrpys() -> None:
    import vcr.matchers

    first, second = get("/a?b=1&c=2", (("Accept", "x"), ("accept", "z"))), get("/a?c=2&b=1", (("Accept", "y"),))
    assert matches(first, second, Rules((vcr.matchers.query, same_first_letter)))
    assert matches(post(b"ab"), post(b"ac"), Rules((same_first_letter,)))
    assert not matches(post(b"ab"), post(b"bc"), Rules((same_first_letter,)))
    assert not matches(post(b"ab"), post(b""), Rules((same_first_letter,)))
    (difference,) = compare(first, second, Rules((same_accept,))).differences
    assert difference.path == "same_accept"
    assert difference.asked.startswith("one that the matcher refuses: assert 'x' == 'y'")
    (difference,) = compare(first, second, Rules((refuses_silently,))).differences
    assert difference.asked == "one that the matcher refuses"


def test_only_own_matchers_import_vcrpy() -> None:
    code = "import sys, fakegpt_testkit.matching as m; m.Rules(); assert 'vcr' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


RULES_THAT_ARE_NONE = {
    "an unknown matcher": ({"match_on": ("bodi",)}, "a matcher is 'bodi'; wanted: one of method, uri"),
    "an unknown root": ({"ignored": ("cookies.a",)}, "'cookies.a'; wanted: a path that starts with one of"),
    "nothing": ({"ignored": ("",)}, "wanted: a path that starts with one of"),
    "a lone path": ({"ignored": ("/a body.b",)}, "wanted: a path that starts with one of"),
    "an open bracket": ({"ignored": ("body.a[",)}, "which it stops being at '['"),
    "a name in brackets": ({"ignored": ("body[a]",)}, "which it stops being at '[a]'"),
    "a trailing dot": ({"ignored": ("body.",)}, "which it stops being at '.'"),
}


@pytest.mark.parametrize(("rules", "words"), RULES_THAT_ARE_NONE.values(), ids=RULES_THAT_ARE_NONE.keys())
def test_rules_that_mean_nothing_are_refused(rules: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Rules(**rules)
    assert words in str(caught.value)


def test_no_candidate_is_closest_to_nothing() -> None:
    assert closest(get("/a"), [], RULES) is None


@pytest.mark.parametrize(
    ("candidates", "index"),
    [
        ([get("/a"), chat("Tell me about the sea"), chat("Say hello")], 2),
        ([chat("Say hi", target="/other"), chat("something else")], 1),
        ([chat("Say ho"), chat("Say ho")], 0),
        ([post(b"{}", target="/api/conversation"), chat("Say ho")], 1),
        ([get("/a"), get("/b")], 0),
    ],
    ids=["the likest prompt", "endpoint before body", "first of equals", "fewest fields", "nothing alike"],
)
def test_the_closest(candidates: list[Request], index: int) -> None:
    nearest = closest(chat("Say hi"), candidates, RULES)
    assert nearest is not None
    assert nearest.index == index


def test_of_very_many_only_the_first_hundreds_are_compared() -> None:
    many = [chat(f"Say {number}") for number in range(600)]
    found = [closest(chat(f"Say {number}"), many, RULES) for number in (499, 500)]
    assert [each.index for each in found if each is not None] == [499, 50]  # 50 comes nearest of those before 500


@given(st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_texts_share_what_they_begin_with(one: str, other: str) -> None:
    shared = search._shared(one, other)
    assert one[:shared] == other[:shared]
    assert one[shared : shared + 1] != other[shared : shared + 1] or shared == len(one) == len(other)


CASSETTE = "cassettes/test_chat/test_greets.yaml"
COMMAND = "pytest tests/test_chat.py::test_greets --fakegpt-record-mode=new_episodes"
FLOW = [
    get("/api/loads?t=1"),
    post(b"token_key=a&session_password=b", FORM_TYPE, "/auth/login"),
    get("/api/auth/session"),
    chat("Say hello"),
]


def test_the_error_reads_as_promised() -> None:
    error = not_recorded(chat("Say hi"), FLOW, [True, True, True, False], RULES, cassette=CASSETTE, command=COMMAND)
    assert str(error) == (
        "POST /api/conversation is not in cassettes/test_chat/test_greets.yaml (4 interactions, 3 played)\n"
        "  closest: interaction 4, also POST /api/conversation; it differs in\n"
        "    body.messages[0].content.parts[0]: recorded 'Say hello', asked 'Say hi'\n"
        "  ignored: body.messages[0].id, body.parent_message_id\n"
        "  to record it: pytest tests/test_chat.py::test_greets --fakegpt-record-mode=new_episodes"
    )
    assert (error.closest, error.interactions, error.played, error.command) == (4, 4, 3, COMMAND)


def test_another_endpoint_reads_without_also() -> None:
    error = not_recorded(get("/api/load"), [get("/api/loadings")], [False], RULES, cassette="c.yaml", command="")
    assert str(error) == (
        "GET /api/load is not in c.yaml (1 interaction, 0 played)\n"
        "  closest: interaction 1, GET /api/loadings; it differs in\n"
        "    path: recorded '/api/loadings', asked '/api/load'"
    )


def test_an_empty_cassette_has_no_closest() -> None:
    error = not_recorded(get("/a"), [], [], RULES, cassette="c.yaml", command="pytest")
    assert str(error) == "GET /a is not in c.yaml (0 interactions, 0 played)\n  to record it: pytest"


def test_played_out_is_said_as_such() -> None:
    recorded = [chat("Say hi"), get("/a"), chat("Say hi")]
    error = not_recorded(chat("Say hi"), recorded, [True, False, True], RULES, cassette="c.yaml", command="pytest")
    assert isinstance(error, RequestPlayedOut)
    assert str(error) == (
        "POST /api/conversation is in c.yaml (3 interactions, 2 played), but recorded 2 times and played 2 times\n"
        "  to play the last one again: allow_playback_repeats=True\n"
        "  to record one more: pytest"
    )
    bare = not_recorded(get("/a"), [get("/a")], [True], RULES, cassette="c.yaml", command="")
    assert str(bare).endswith(
        "recorded 1 time and played 1 time\n  to play the last one again: allow_playback_repeats=True"
    )


def test_long_values_are_shown_around_the_first_difference() -> None:
    start, end = "x" * 5000, "y" * 5000
    error = not_recorded(
        post({"a": start + "A" + end}), [post({"a": start + "B" + end})], [False], RULES, cassette="c", command=""
    )
    (line,) = (line for line in str(error).splitlines() if "body.a" in line)
    assert line == f"    body.a: recorded …{'x' * 20}B{'y' * 59}…, asked …{'x' * 20}A{'y' * 59}…"


def test_a_long_value_beside_a_short_one_keeps_its_start() -> None:
    error = not_recorded(post({"a": "x" * 500}), [post({"a": "x"})], [False], RULES, cassette="c", command="")
    assert f"body.a: recorded 'x', asked '{'x' * 79}…" in str(error)
    nothing = not_recorded(post({"a": "x" * 500}), [post({})], [False], RULES, cassette="c", command="")
    assert f"body.a: recorded nothing, asked '{'x' * 79}…" in str(nothing)


def test_many_differences_are_counted() -> None:
    error = not_recorded(
        post({str(n): 1 for n in range(15)}),
        [post({str(n): 2 for n in range(15)})],
        [False],
        RULES,
        cassette="c",
        command="",
    )
    assert str(error).splitlines()[-2:] == ["    body.9: recorded 2, asked 1", "    and 5 more"]


@pytest.mark.parametrize("remake", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
@pytest.mark.parametrize("played", [True, False], ids=["played out", "not recorded"])
def test_errors_travel_between_processes(remake: Callable[[Any], Any], played: bool) -> None:
    asked = chat("Say hi") if played else chat("Say ho")
    error = not_recorded(asked, [chat("Say hi")], [played], RULES, cassette="c.yaml", command="pytest")
    again = remake(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert isinstance(again, RequestNotRecorded)
    assert isinstance(again, FakeGptTestkitError)


def test_a_title_is_method_and_path() -> None:
    assert Request("GET", "https://h").title == "GET /"
    assert Request("GET", "https://h/a/b?key=secret").title == "GET /a/b"
    assert Request("GET", "http://[::1").title == "GET http://[::1"


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
