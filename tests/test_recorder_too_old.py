"""What a block does with a recording that is too old, and with interactions that it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.made_cassettes import LONG_AGO, old

from fakegpt_testkit import use_cassette
from fakegpt_testkit.errors import BadSetting, CassetteStale, FakeGptTestkitWarning, InteractionsUnplayed
from fakegpt_testkit.recorder import Advice, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.recorder.settings import Mode, Stale


pytestmark = pytest.mark.usefixtures("own_state")


@pytest.mark.parametrize(
    ("mode", "at", "stale", "outcome"),
    [
        ("none", LONG_AGO, "warn", FakeGptTestkitWarning),
        ("none", LONG_AGO, "fail", CassetteStale),
        ("once", LONG_AGO, "fail", CassetteStale),
        ("none", LONG_AGO, "record", FakeGptTestkitWarning),
        ("once", LONG_AGO, "record", "rewrite"),
        ("new_episodes", LONG_AGO, "record", "rewrite"),
        ("all", LONG_AGO, "fail", "all"),
        ("none", "", "fail", "none"),
        ("none", "some day", "fail", "none"),
        ("none", "2020-02-02T00:00:00", "fail", CassetteStale),
        pytest.param("none", datetime.now(UTC).isoformat(), "fail", "none", id="just now"),
    ],
)
def test_a_recording_can_be_too_old(tmp_path: Path, mode: Mode, at: str, stale: Stale, outcome: Any) -> None:
    path = old(tmp_path / "old.yaml", at)
    before = path.read_bytes()
    if isinstance(outcome, str):
        with use_cassette(path, record_mode=mode, max_age="30d", stale=stale) as session:
            assert session.record_mode == outcome
    elif issubclass(outcome, Warning):
        with pytest.warns(outcome, match="was recorded on 2020-02-02, which is longer ago than 30 days"):
            use_cassette(path, record_mode=mode, max_age=30, stale=stale).__enter__()
    else:
        advice = Advice(lambda how: f"pytest tests/test_new_episodes.py --mode={how}")
        with pytest.raises(outcome, match=r"to record it again: pytest tests/test_new_episodes.py --mode=rewrite$"):
            use_cassette(path, record_mode=mode, max_age="720h", stale=stale, advice=advice).__enter__()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("age", "wanted"),
    [
        ("12h", timedelta(hours=12)),
        ("1.5d", timedelta(hours=36)),
        ("8w", timedelta(weeks=8)),
        (30, timedelta(days=30)),
        (timedelta(days=2), timedelta(days=2)),
        ("30 days", None),
        ("-1d", None),
    ],
)
def test_an_age_is_read(age: Any, wanted: timedelta | None) -> None:
    if wanted is None:
        with pytest.raises(BadSetting, match="max_age"):
            Settings(max_age=age)
    else:
        assert Settings(max_age=age).oldest == wanted


@pytest.mark.parametrize("option", ["stale", "unplayed"])
def test_a_wrong_consequence_is_named(tmp_path: Path, option: str) -> None:
    path = old(tmp_path / "old.yaml", LONG_AGO)
    named: dict[str, Any] = {option: "perhaps"}
    wanted = pytest.raises(BadSetting, match=f"{option} is 'perhaps'; wanted: one of")
    with wanted, use_cassette(path, max_age=9999, **named):
        pass


def test_a_block_that_leaves_interactions_fails_where_it_plays(tmp_path: Path) -> None:
    path = old(tmp_path / "old.yaml", LONG_AGO)
    with pytest.raises(InteractionsUnplayed) as raised, use_cassette(path, unplayed="fail"):
        pass
    assert [number for number, _ in raised.value.unplayed] == [1, 2, 3, 4]
    with pytest.warns(FakeGptTestkitWarning, match="4 of 4 interactions"), use_cassette(path, unplayed="warn"):
        pass
    with use_cassette(path, unplayed="fail", record_mode="all"):
        pass
    with pytest.raises(RuntimeError, match="first"), use_cassette(path, unplayed="fail"):
        raise RuntimeError("first")
