"""Errors as values: what they are made of, how they read, and that they survive a process's border."""

import copy
import inspect
import pickle
import subprocess
import sys

import pytest

from fakegpt_testkit import errors
from fakegpt_testkit.errors import FakeGptTestkitError, FakeGptTestkitWarning

pytestmark = pytest.mark.once

AT = ("http://chat.example", "login", 403, "No.", "denied")
EACH = [
    errors.AnswerCutOff(*AT),
    errors.AnswerFailed(*AT),
    errors.AnswerTextChanged("a.yaml", (("GET /", "character 3 of its text (REDACTED-key-1)"),)),
    errors.BadMessages("no text", 2),
    errors.BadSetting("pace", "quick", "'lockstep'", (errors.BadSetting("url", 5, "a URL"),)),
    errors.CannotBeReplayed("GET", "http://chat.example/ws", "websocket"),
    errors.CassetteChanged("a.yaml"),
    errors.CassetteError("a.yaml", 3, "this is no cassette", "look at it"),
    errors.CassetteMissing("a.yaml", "GET /", "pytest"),
    errors.CassetteNameRefused("../a", "cassettes", "it leads out"),
    errors.CassetteStale("a.yaml", "2026-01-01", 30, "pytest"),
    errors.CollectionFailed(("-q",), "ended with 2", "oh\nno"),
    errors.Drifted("a.yaml", "added", (("broken", 1, "GET /", "gone"),), "pytest"),
    errors.EffectMisplaced("reset", "there is no event 9", "the stream has 3 events"),
    errors.EventNotEncodable("id", "a\0", "no line"),
    errors.ClientUnmet("a.yaml", ("pycurl",)),
    errors.EventTooLarge(65536),
    errors.FaultNeverApplied("a.yaml", (("reset", "no event 9"),), ("GET /",)),
    errors.FieldMissing(*AT, field="loads"),
    errors.InteractionsUnplayed("a.yaml", 2, ((2, "GET /"),)),
    errors.NetworkBlocked("test_a", "socket.connect", "db.example:5432", "db.example", "psycopg"),
    errors.NoLoads(*AT),
    errors.NoValidResponse(*AT),
    errors.ForkRecorded("a.yaml"),
    errors.OwnServerRecorded("a.yaml", ("localhost:8080",)),
    errors.PayloadUnreadable("{", "it ends too early"),
    errors.ProviderError(*AT),
    errors.RecordingTooLarge("a.yaml", 300, 200, "bytes"),
    errors.RecordingIncomplete("a.yaml", (("GET /", "too large"),)),
    errors.ReportRefused("report.json", "no JSON"),
    errors.RequestNotRecorded(
        "GET /", "a.yaml", 2, 1, 2, "GET /", (("query.q", "'1'", "'2'"),), ("query.t",), "pytest"
    ),
    errors.RequestPlayedOut("GET /", "a.yaml", 2, 1, equal=2, command="pytest"),
    errors.RequestStopped("a.yaml", "curl_cffi", "GET", "https://a.example/"),
    errors.ResponseNotRecorded("GET / in a.yaml", 3, "left"),
    errors.SecretStays("a.yaml", ("interaction 1, GET /, the response's body: it is a zip archive",)),
    errors.StepRefused(*AT),
    errors.StreamLeftOpen("a.yaml", ("GET /",)),
    errors.StorageError("a.yaml", "written", OSError(28, "No space left on device"), "it is unchanged", "make room"),
    errors.TokenRefused(*AT),
    errors.UnknownKeywords("FakeGpt", ("tempo",), ("url", "proxy")),
    errors.VerificationIncomplete("a.yaml", (("GET /", "too large"),)),
    errors.WebPageAnswered(*AT),
    errors.WrongContent(*AT, wanted="JSON", got="text/plain"),
]
each_error = pytest.mark.parametrize("error", EACH, ids=lambda error: type(error).__name__)


def test_every_error_is_looked_at() -> None:
    assert {type(error) for error in EACH} | {FakeGptTestkitError, FakeGptTestkitWarning} == {
        getattr(errors, name) for name in dir(errors)
    }


@each_error
def test_an_error_is_made_of_its_parts(error: FakeGptTestkitError) -> None:
    parts = inspect.signature(type(error)).parameters
    assert error.args == tuple(getattr(error, name) for name in parts)
    assert repr(error) == f"{type(error).__name__}({', '.join(map(repr, error.args))})"


@each_error
@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_an_error_is_the_same_after(again: object, error: FakeGptTestkitError) -> None:
    assert callable(again)
    error.add_note("seen")
    other = again(error)
    assert (type(other), str(other), repr(other)) == (type(error), str(error), repr(error))
    assert other.__notes__ == error.__notes__


@each_error
def test_an_error_reads_as_a_sentence_and_shows_its_source(error: FakeGptTestkitError) -> None:
    assert str(error)
    assert str(error) != str(error.args)
    assert "self." not in str(error)
    assert inspect.getsource(type(error)).startswith(f"class {type(error).__name__}(")


def test_what_an_error_is_about_stands_in_its_message_as_it_is() -> None:
    assert str(errors.ReportRefused("{self.problem}", "100 {}")).startswith("{self.problem} does not say ")
    assert ": 100 {};" in str(errors.ReportRefused("{self.problem}", "100 {}"))


def test_equal_errors_are_not_the_same_error() -> None:
    assert errors.CassetteChanged("a.yaml") != errors.CassetteChanged("a.yaml")
    assert len({errors.CassetteChanged("a.yaml"), errors.CassetteChanged("a.yaml")}) == 2


def test_an_error_of_a_suite_needs_no_fields() -> None:
    class OurError(FakeGptTestkitError):
        """Ours."""

    assert str(OurError("as it was", "told")) == str(Exception("as it was", "told"))
    assert OurError("a").args == ("a",)


def test_several_settings_that_mean_nothing_have_a_line_each() -> None:
    pace = errors.BadSetting("pace", "quick", "'lockstep'")
    both = errors.BadSetting("stale", "often", "one of warn, fail", (pace,))
    assert str(both).splitlines() == [
        "stale is 'often'; wanted: one of warn, fail",
        "pace is 'quick'; wanted: 'lockstep'",
    ]
    assert isinstance(both, ValueError)


@pytest.mark.parametrize(("number", "more"), [(10, []), (11, ["  and 1 more"])])
def test_of_many_things_the_first_ten_are_named(number: int, more: list[str]) -> None:
    unplayed = tuple((each, "GET /") for each in range(1, number + 1))
    lines = str(errors.InteractionsUnplayed("a.yaml", number, unplayed)).splitlines()
    assert lines[1:-2] == [f"  {each}: GET /" for each in range(1, 11)] + more


def test_a_run_without_errors_loads_none() -> None:
    code = (
        "import sys, fakegpt_testkit.errors; print([m for m in sys.modules if m.startswith('fakegpt_testkit.errors.')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'BadOptoin'"):
        _ = getattr(errors, "BadOptoin")  # noqa: B009 - mypy refuses it as an attribute
