"""What a suite can say to the plugin, in which four places, and which of them wins.

Knows what the options are called and how they read on a command line, and nothing of what they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from fakegpt_testkit import errors
from fakegpt_testkit.ci import is_ci
from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.fakegpt.site import LIVE_URL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARKER: Final = "fakegpt"


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``flag``: it stands without a value. ``run``: it is of the whole run, and no test can change it."""

    explained: str
    default: str | bool | None = None
    choices: tuple[str, ...] = ()
    flag: bool = False
    run: bool = False


OPTIONS: Final = {
    "record_mode": Option(
        "how a marked test's requests are answered: none, once, new_episodes, all, rewrite or verify; with CI set "
        "nothing is recorded",
        "none",
    ),
    "url": Option("the service to record from", LIVE_URL),
    "cassette_dir": Option("the folder of the cassettes, relative to the rootdir", "cassettes"),
    "pace": Option("when a replayed chunk arrives: lockstep, recorded, or a factor of the recorded times", "lockstep"),
    "dialect": Option("whose dialect streams are read in, such as openai-chat; else what each stream shows"),
    "recut": Option("play each body in other chunks: byte, event, line, sizes such as 3,5, a seed, or random"),
    "refused": Option(
        "what happens to a passing test one of whose requests was not recorded", "fail", ("ignore", "warn", "fail")
    ),
    "unplayed": Option(
        "what happens to a passing test that did not ask for all of its cassette", "ignore", ("ignore", "warn", "fail")
    ),
    "max_age": Option("how old a recording may be, such as 30d or 12h; older ones are stale"),
    "stale": Option(
        "what happens with a stale cassette; record: a run that records makes it anew",
        "warn",
        ("warn", "fail", "record"),
    ),
    "allow_hosts": Option("what a test without the network may reach: names, *.names, addresses, networks", ""),
    "passthrough": Option("hosts that are asked and not recorded, such as own, localhost:6333 or *.internal"),
    "block_network": Option("keep unmarked tests from the network too", flag=True),
    "drift": Option(
        "from which severity on a test that verifies fails", "broken", ("harmless", "added", "broken", "never")
    ),
    "block_subprocesses": Option("let tests without the network start no programs", False, flag=True),
    "record_in_ci": Option("record although the environment says CI", False, flag=True, run=True),
    "orphans": Option(
        "what happens with cassettes and interactions that no test uses, after a run of the whole suite",
        "warn",
        ("ignore", "warn", "fail"),
        run=True,
    ),
    "report": Option("a file for the run's figures, as JSON", run=True),
    "drift_report": Option("a file for what was verified: .md, .json or .txt", run=True),
}
"""What the command line and the ini file can say, by its name in ``fakegpt_config``."""


class Worker(Protocol):
    """What of pytest-xdist's picture of a worker process is used here."""

    config: pytest.Config
    workerinput: dict[str, object]
    workeroutput: dict[str, Any]


def declare(parser: pytest.Parser) -> None:
    """Add each option, and an ini key with underscores for it."""
    group = parser.getgroup("fakegpt", "recording and replaying streaming chat")
    for name, option in OPTIONS.items():
        flag = f"--fakegpt-{name.replace('_', '-')}"
        ini = f"fakegpt_{name}"
        if option.flag:
            group.addoption(flag, dest=ini, action="store_true", default=None, help=option.explained)
            parser.addini(ini, option.explained, type="bool", default=None)
        else:
            explained = option.explained + (f" (default: {option.default})" if option.default else "")
            group.addoption(flag, dest=ini, choices=option.choices or None, default=None, help=explained)
            parser.addini(ini, explained, default=None)


def for_run(config: pytest.Config, name: str) -> Any:
    """What the command line says of an option, else the ini file, else its default."""
    for value in (config.getoption(f"fakegpt_{name}"), _written_in_ini(config, name)):
        if value is not None:
            return value
    return OPTIONS[name].default


def _written_in_ini(config: pytest.Config, name: str) -> Any:
    try:
        return config.getini(f"fakegpt_{name}")
    except (ValueError, pytest.UsageError) as problem:  # which does not say of which option
        value = str(problem).partition("'")[2].rstrip("'")
        raise errors.BadSetting(f"fakegpt_{name}", value, "true or false") from None


WrittenAt = tuple[str, "Mapping[str, object]"]
"""A place where settings are written, in words, and what is written there."""


def for_test(config: pytest.Config, fixture: Mapping[str, object], markers: Sequence[pytest.Mark]) -> dict[str, object]:
    """What is written for a test: the ini file, then the fixture, the command line, the markers from the farthest on.

    What comes later counts. What nobody has written is not there.
    """
    return merged(layers(config, fixture, markers))


def merged(places: Sequence[WrittenAt]) -> dict[str, object]:
    """What is written in all of these places; what comes later counts."""
    written: dict[str, object] = {}
    for _, values in places:
        written |= values
    return written


def layers(config: pytest.Config, fixture: Mapping[str, object], markers: Sequence[pytest.Mark]) -> list[WrittenAt]:
    """The places where a test's settings are written, with what is written there; what comes later counts."""
    names = [name for name, option in OPTIONS.items() if not option.run]
    ini = {name: _written_in_ini(config, name) for name in names}
    typed = {name: config.getoption(f"fakegpt_{name}") for name in names}
    return [
        ("the ini file", {name: value for name, value in ini.items() if value is not None}),
        ("fakegpt_config", fixture),
        ("the command line", {name: value for name, value in typed.items() if value is not None}),
        *(("the marker", marker.kwargs) for marker in reversed(markers)),
    ]


def settle(config: pytest.Config, environment: Mapping[str, str]) -> None:
    """Refuse what no run can do, and settle what is the same for all its workers."""
    try:
        if is_ci(environment) and not for_run(config, "record_in_ci"):
            _refuse_to_record(config)
        _settle_cuts(config)
        _check_written(config)
        _settle_drift_report(config)
    except FakeGptTestkitError as wrong:
        raise pytest.UsageError(str(wrong)) from None


def _refuse_to_record(config: pytest.Config) -> None:
    mode = config.getoption("fakegpt_record_mode")
    if mode not in {None, "none", "verify"}:
        wanted = "none, since the environment says CI; record on your own machine, or add --fakegpt-record-in-ci"
        raise errors.BadSetting("--fakegpt-record-mode", mode, wanted)


def _settle_drift_report(config: pytest.Config) -> None:
    file = for_run(config, "drift_report")
    if file is not None:
        from fakegpt_testkit.drift import report

        report((), file)  # better refused now than when all is verified


def _check_written(config: pytest.Config) -> None:
    """Better refused now than once for each test."""
    orphans = for_run(config, "orphans")
    if orphans not in OPTIONS["orphans"].choices:
        raise errors.BadSetting("orphans", orphans, f"one of {', '.join(OPTIONS['orphans'].choices)}")
    report = for_run(config, "report")
    if report is not None and (not report or config.rootpath.joinpath(report).is_dir()):
        raise errors.BadSetting("report", report, "the name of a file")
    written = for_test(config, {}, [])
    if written:
        from fakegpt_testkit.plugin.marker import read_settings

        read_settings(written)


def _settle_cuts(config: pytest.Config) -> None:
    """Draw the seed of random cuts, the same for all workers."""
    if for_run(config, "recut") == "random":
        drawn = getattr(config, "workerinput", {}).get("fakegpt_recut")
        config.option.fakegpt_recut = drawn or str(SystemRandom().randrange(1_000_000))
