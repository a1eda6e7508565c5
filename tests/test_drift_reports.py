"""What a report of drift says, to people, in Markdown and in JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fakegpt_testkit.drift import Difference, Drift, Severity, Unasked, described, report, report_lines
from fakegpt_testkit.errors import BadSetting

pytestmark = pytest.mark.once

HARMLESS = Difference(Severity.HARMLESS, 1, "GET /a", "the body has other values")
ADDED = Difference(Severity.ADDED, 1, "GET /a", "new fields: a|b")
BROKEN = Difference(Severity.BROKEN, 2, "POST /b", "gone: `@someone` <b>")
DRIFTS = [
    Drift("a.yaml", 2, (HARMLESS, ADDED, BROKEN), test="test_a.py::test_it", command="record it"),
    Drift("b.yaml", 1, (HARMLESS,)),
    Drift("c.yaml", 1),
    Drift("d.yaml", 0, (), (Unasked(1, "GET /d", "needs a key"), Unasked(2, "GET /e"))),
]


def test_people_are_told_the_worst_first_and_what_is_harmless_only_on_demand() -> None:
    assert list(report_lines(DRIFTS)) == [
        "4 answers of 4 cassettes verified: 1 broken, 1 harmless, 1 same, 1 not verified",
        "  test_a.py::test_it (a.yaml): broken",
        "    broken   2 POST /b: gone: `@someone` <b>",
        "    added    1 GET /a: new fields: a|b",
        "    if your program copes with it, record it again: record it",
        "  d.yaml: not verified",
        "    not asked: 1 GET /d - needs a key",
    ]
    more = list(report_lines(DRIFTS, harmless=True))
    assert "  b.yaml: harmless" in more
    assert more.count("    harmless 1 GET /a: the body has other values") == 2
    assert more[-1] == "    not asked: 2 GET /e"
    assert list(report_lines([])) == ["nothing was verified"]
    assert list(report_lines([DRIFTS[2]])) == ["1 answer of 1 cassette verified: 1 same"]


def test_markdown_is_for_a_comment_and_calls_nobody() -> None:
    assert (
        report(DRIFTS, "out/drift.md")
        == """\
## Drift: broken

4 answers of 4 cassettes verified: 1 broken, 1 harmless, 1 same, 1 not verified.

### `test_a.py::test_it (a.yaml)`: broken

| severity | request | what differs |
|---|---|---|
| broken | 2 `POST /b` | ``gone: `@someone` <b>`` |
| added | 1 `GET /a` | `new fields: a\\|b` |

Harmless differences: 1.

If your program copes with it, record it again: `record it`

### `d.yaml`: not verified

- not asked: 1 `GET /d`, needs a key
"""
    )


def test_a_report_of_nothing_does_not_look_like_a_good_one() -> None:
    assert report([], "drift.md") == "## Drift: not verified\n\nnothing was verified.\n"
    assert report(DRIFTS[3:], "drift.md").startswith("## Drift: not verified\n")
    assert report(DRIFTS[2:], "drift.md").startswith("## Drift: same\n")


def test_markdown_is_no_longer_than_a_comment_may_be() -> None:
    rows = Drift("a.yaml", 1, tuple(replace(BROKEN, text="x" * 1000) for _ in range(25)))
    text = report([rows] * 10, "drift.MD")
    assert len(text) < 65_536
    assert text.count("and 5 more |") == 2
    assert text.endswith("\nAnd 8 more: a comment has no room for all; the JSON report has them.\n")
    assert "`` x` ``" in report([Drift("a", 1, (replace(BROKEN, text="x`"),))], "a.md")


def test_json_has_everything_and_comes_back() -> None:
    said = json.loads(report(DRIFTS, "drift.json"))
    assert said == described(DRIFTS)
    assert (said["severity"], said["compared"]) == ("broken", 4)
    assert said["cassettes"][0]["differences"][0]["severity"] == "harmless"
    assert [Drift.load(each) for each in said["cassettes"]] == DRIFTS
    assert report(DRIFTS, "drift.txt").splitlines() == list(report_lines(DRIFTS, harmless=True))
    with pytest.raises(BadSetting, match=r"is 'drift.html'; wanted: a name that ends in .md, .json, .txt"):
        report(DRIFTS, "drift.html")
