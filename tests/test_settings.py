"""What a caller wants of a cassette, as one value: what it takes, what it refuses, and how."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fakegpt_testkit import RecordMode, Redaction, Settings, faults, script, use_cassette
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.recorder.settings import Changes
from fakegpt_testkit.recorder.written import CHECKS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

RESET = faults.reset(after_event=2)
TAKEN = {
    "a mode by its name": ("record_mode", "once", RecordMode.ONCE),
    "a mode": ("record_mode", RecordMode.ALL, RecordMode.ALL),
    "a pace": ("pace", "recorded", "recorded"),
    "a factor": ("pace", 2, 2.0),
    "a factor as text": ("pace", "0.5", 0.5),
    "no time at all": ("pace", 0, 0.0),
    "a list of matchers": ("match_on", ["method", "path"], ("method", "path")),
    "fields to ignore": ("ignore", ["query.t"], ("query.t",)),
    "faults": ("faults", [RESET], (RESET,)),
    "cuts": ("recut", "3,5", "3,5"),
    "an age": ("max_age", "12h", timedelta(hours=12)),
    "an age in days": ("max_age", 30, timedelta(days=30)),
    "origins": (
        "origins",
        {"http://LOCALHOST:80/a": "https://chat.example"},
        {"http://localhost": "https://chat.example"},
    ),
    "redaction": ("redaction", Redaction(names=("x-key",)), Redaction(names=("x-key",))),
    "a consequence": ("unplayed", "warn", "warn"),
}


@pytest.mark.parametrize(("name", "value", "meant"), TAKEN.values(), ids=TAKEN.keys())
def test_a_setting_is_what_is_meant_by_it(name: str, value: object, meant: object) -> None:
    made = Settings().merged({name: value})
    assert getattr(made, name) == meant
    assert made.merged({name: value}) == made
    assert Settings(**{name: value}) == made  # type: ignore[arg-type]


REFUSED = {
    "an unknown mode": ("record_mode", "always", "one of none, once, new_episodes, all, rewrite, verify"),
    "an unknown pace": ("pace", "fast", "'lockstep', 'recorded', or a factor of the recorded times such as 0.5"),
    "a negative pace": ("pace", -1, "'lockstep', 'recorded'"),
    "an endless pace": ("pace", float("inf"), "'lockstep', 'recorded'"),
    "a pace that is no number": ("pace", float("nan"), "'lockstep', 'recorded'"),
    "a pace that is a flag": ("pace", True, "'lockstep', 'recorded'"),
    "a pace that is None": ("pace", None, "'lockstep', 'recorded'"),
    "a pace that no clock has": ("pace", 10**400, "'lockstep', 'recorded'"),
    "no dialect": ("dialect", None, "one of fakegpt, openai-chat"),
    "several dialects": ("dialect", [], "one of fakegpt, openai-chat"),
    "a dialect that nobody speaks": ("dialect", "klingon", "one of fakegpt, openai-chat"),
    "one matcher": ("match_on", "body", "a list of matchers, such as ['method', "),
    "a matcher that is none": ("match_on", [7], "the name of a matcher, or a function of two requests"),
    "one field": ("ignore", "query.t", "a list of fields"),
    "a field that is none": ("ignore", [7], "the path of a field"),
    "a fault by its name": ("faults", ["reset"], "a list of effects, such as [faults.reset(after_event=2)]"),
    "one fault": ("faults", RESET, "a list of effects"),
    "a fault that is not made yet": ("faults", [faults.reset], "a list of effects"),
    "cuts that do not exist": ("recut", "sideways", "a seed, 'byte', 'event', 'line', or sizes such as [3, 5]"),
    "cuts of nothing": ("recut", [0], "a seed, 'byte'"),
    "cuts that are no number": ("recut", [None], "a seed, 'byte'"),
    "cuts in halves": ("recut", [1.5], "a seed, 'byte'"),
    "cuts of a half": ("recut", 1.5, "a seed, 'byte'"),
    "cuts that are a flag": ("recut", True, "a seed, 'byte'"),
    "cuts by a mapping": ("recut", {3: 5}, "a seed, 'byte'"),
    "cuts in bytes": ("recut", b"event", "a seed, 'byte'"),
    "cuts from a set": ("recut", {3, 5}, "a seed, 'byte'"),
    "repeats that are no flag": ("allow_playback_repeats", "no", "True or False"),
    "an origin without a scheme": ("origins", {"localhost:80": "https://chat.example"}, "a URL such as"),
    "an origin with a bad port": ("origins", {"http://localhost:x": "https://chat.example"}, "a URL such as"),
    "an origin that is none": ("origins", {"http://localhost": None}, "a URL such as"),
    "one origin": ("origins", "http://localhost", "which URL stands for which"),
    "names to redact": ("redaction", ["x-key"], "a Redaction, such as"),
    "an age in months": ("max_age", "3 months", "a time such as 12h, 30d or 8w"),
    "an age without end": ("max_age", "9" * 400, "a time such as 12h, 30d or 8w"),
    "an age of the future": ("max_age", timedelta(days=-1), "a time such as 12h, 30d or 8w"),
    "an age that is a flag": ("max_age", True, "a time such as 12h, 30d or 8w"),
    "ages": ("max_age", ["3d"], "a time such as 12h, 30d or 8w"),
    "what to do with age": ("stale", "ignore", "one of warn, fail, record"),
    "what to do with the unplayed": ("unplayed", "perhaps", "one of ignore, warn, fail"),
    "what to do with the unapplied": ("unapplied", "perhaps", "one of ignore, warn, fail"),
    "a threshold": ("drift", "same", "one of harmless, added, broken, never"),
}


@pytest.mark.parametrize(("name", "value", "wanted"), REFUSED.values(), ids=REFUSED.keys())
def test_a_setting_that_means_nothing_is_refused_before_the_block(
    name: str, value: object, wanted: str, tmp_path: Path
) -> None:
    with pytest.raises(BadSetting) as made:
        Settings(**{name: value})  # type: ignore[arg-type]
    assert made.value.name == name
    assert made.value.wanted.startswith(wanted)
    assert str(made.value).count("\n") == 0
    with pytest.raises(BadSetting) as used:
        use_cassette(tmp_path / "a.yaml", **{name: value})  # type: ignore[arg-type]
    assert str(used.value) == str(made.value)


class Table:
    """As tables and arrays are: compared value by value, and written in lines."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    def __repr__(self) -> str:
        return "array([1, 2,\n       3, 4])"

    __hash__ = None  # type: ignore[assignment]


class Unwritable:
    def __repr__(self) -> str:
        raise RuntimeError("not made yet")


ODD = {
    "a table": (Table(), "array([1, 2, 3, 4])"),
    "what cannot be written": (Unwritable(), "a Unwritable"),
    "a long text": ("[\n" * 5000, repr("[\n" * 5000)[:160] + "…"),
    "a login": (["https://me:secret@a.example/[", 1], "['https://…@a.example/[', 1]"),
}


@pytest.mark.parametrize(("value", "shown"), ODD.values(), ids=ODD.keys())
def test_whatever_stands_in_a_setting_is_refused_in_one_line(value: object, shown: str) -> None:
    for name in CHECKS:
        with pytest.raises(BadSetting) as made:
            Settings().merged({name: value})
        said = str(made.value)
        assert len(said.splitlines()) == 1
        assert len(said) < 450
        assert "secret" not in said
        if name == "pace":
            assert said.startswith(f"pace is {shown}; wanted: 'lockstep'")


@pytest.mark.parametrize("value", [{"pace": 1}, "recorded", False, (), Settings], ids=repr)
def test_what_is_no_settings_is_refused(value: Any) -> None:
    with pytest.raises(BadSetting, match=r"^settings is .*; wanted: a Settings, or each as a keyword"):
        use_cassette("a.yaml", value)


@pytest.mark.parametrize(
    "value",
    ["", "a\0b", b"a.yaml", None, 7, [7], {}, {"a": 1}, script],
    ids=lambda each: getattr(each, "__name__", repr(each)),
)
def test_what_is_no_cassette_is_refused_before_the_block(value: Any) -> None:
    with pytest.raises(BadSetting, match=r"^a cassette is .*; wanted: a path, a Cassette, or interactions"):
        use_cassette(value)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(BadSetting) as wrong:
        Settings().merged({"pace": "fast", "speed": 2, "stale": "often", "drift": "added"})
    lines = str(wrong.value).splitlines()
    assert [line.split(";")[0] for line in lines] == ["pace is 'fast'", "a setting is 'speed'", "stale is 'often'"]


def test_a_misspelt_word_of_a_long_list_is_answered_with_the_nearest() -> None:
    for wrong, right in (("recordmode", "record_mode"), ("pase", "pace"), ("MaxAge", "max_age"), ("refuse", "refused")):
        with pytest.raises(BadSetting, match=f"a setting is '{wrong}'; wanted: perhaps {right}; one of after_leaving"):
            Settings().merged({wrong: 1})
    with pytest.raises(BadSetting, match="dialect is 'openai_chat'; wanted: perhaps openai-chat; one of"):
        Settings(dialect="openai_chat")
    with pytest.raises(BadSetting, match="a setting is 'zzz'; wanted: one of"):
        Settings().merged({"zzz": 1})


def test_settings_are_changed_by_making_others() -> None:
    first = Settings(pace="recorded", ignore=["query.t"])
    second = first.changed(pace=2.0)
    assert (first.pace, second.pace, second.ignore) == ("recorded", 2.0, ("query.t",))
    with pytest.raises(FrozenInstanceError):
        first.pace = 1.0  # type: ignore[misc]


def test_keywords_and_settings_are_the_same_names_and_types() -> None:
    names = {each.name for each in fields(Settings)}
    assert names == set(Changes.__annotations__) == set(CHECKS)
    written = {name: kind for part in Settings.__mro__ for name, kind in inspect.get_annotations(part).items()}
    assert {name: str(kind.__forward_arg__) for name, kind in Changes.__annotations__.items()} == written


def test_a_cassette_takes_settings_and_what_is_other_here(tmp_path: Path) -> None:
    wanted = Settings(pace="recorded", record_mode="once")
    with use_cassette(tmp_path / "a.yaml", wanted) as session:
        assert (session.pace, session.record_mode) == ("recorded", "once")
    with use_cassette(tmp_path / "a.yaml", wanted, pace=3) as session:
        assert (session.pace, session.record_mode) == (3.0, "once")


def test_settings_alone_load_no_http_client() -> None:
    code = (
        "import sys; from fakegpt_testkit import Settings; Settings(pace='recorded'); print('aiohttp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
