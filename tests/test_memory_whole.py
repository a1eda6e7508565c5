"""How much a whole process grows while it records and replays a large body, as benchmarks/sizes.py measures it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from sizes import MIB, serve  # noqa: E402

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is counted and given back in another way elsewhere"),
]
SIZE = 16


def grown(*words: object) -> float:
    """How many times the body's size a process of its own grew by at its highest."""
    command = [sys.executable, str(ROOT / "benchmarks" / "sizes.py"), "memory", *map(str, words)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_process_takes_at_most_twice_the_body_to_record_and_to_replay_it(tmp_path: Path) -> None:
    url = serve("text", SIZE * MIB)
    cassette = tmp_path / "c.yaml"
    assert grown(SIZE, "record", cassette, url) <= 2.0
    assert cassette.stat().st_size > SIZE * MIB
    assert grown(SIZE, "replay", cassette, url) <= 1.5
