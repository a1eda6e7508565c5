"""What a suite may say of matching: fields that it passes over, other matchers, matchers of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.questions import FORM_TYPE, RULES, chat, differing, get, post

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import Request
from fakegpt_testkit.matching import DEFAULT_MATCH_ON, Mismatch, Rules, VcrRequest, compare, matches

pytestmark = pytest.mark.once


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
