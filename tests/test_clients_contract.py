"""What holds for every client and each way of reading: live, while recorded and replayed its user sees the same."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from support.behaviours import BEHAVIOURS, STALLS
from support.clients import WAYS
from support.raw import raw_server

from fakegpt_testkit.recorder import use_cassette

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark.structures import ParameterSet
    from support.raw import RawServer

READ_CODED = ("iter_raw", "trio", "http.client read1", "urllib.request")
"""Ways that hand on the coded bytes of a compressed body."""
CODED = ("gzip with a length",)
PATHS = {name: "/" + name.replace(" ", "-") for name in BEHAVIOURS}


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server({PATHS[name]: answer for name, answer in BEHAVIOURS.items()}) as running:
        yield running


def pairs() -> Iterator[ParameterSet]:
    """Each way with each behaviour."""
    for way, behaviour in product(WAYS, BEHAVIOURS):
        coded = way.endswith(READ_CODED) and behaviour in CODED
        reason = "a compressed body is stored decoded, so its coded bytes are those of our encoder"
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if coded else []
        yield pytest.param(way, behaviour, marks=marks, id=f"{way}-{behaviour}")


@pytest.mark.parametrize(("way", "behaviour"), [*pairs()])
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
