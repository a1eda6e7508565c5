"""What holds for every client and each way of reading: live, while recorded and replayed its user sees the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.behaviours import BEHAVIOURS, STALLS
from support.clients import WAYS
from support.raw import raw_server

from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.raw import RawServer

PATHS = {name: "/" + name.replace(" ", "-").replace(",", "") for name in BEHAVIOURS}


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server({PATHS[name]: answer for name, answer in BEHAVIOURS.items()}) as running:
        yield running


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("way", WAYS)
def test_a_user_sees_the_same_live_recorded_and_replayed(
    way: str, behaviour: str, server: RawServer, tmp_path: Path
) -> None:
    url, timeout = server.url + PATHS[behaviour], 0.15 if behaviour in STALLS else 10
    read, file = WAYS[way], tmp_path / "cassette.yaml"

    live = read(url, timeout)
    with use_cassette(file, record_mode="all"):
        recorded = read(url, timeout)
    asked = server.seen
    with use_cassette(file) as session:
        replayed = read(url, timeout)

    assert recorded.view == live.view
    assert replayed.view == recorded.view
    assert server.seen == asked
    assert not session.unplayed
