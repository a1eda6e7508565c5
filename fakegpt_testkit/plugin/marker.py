"""What one marked test wants: its cassette, the options of ``use_cassette`` for it, and what it may reach.

Knows the marker, and nothing of recording or of the network: it reads, and others do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from fakegpt_testkit.ci import is_ci
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.plugin import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.effects.faults import Sweep
    from fakegpt_testkit.exchange import Interaction

_NEITHER: Final = ("url", "cassette_dir", "unplayed", "allow_hosts", "block_network", "block_subprocesses")
"""What is ours and not ``use_cassette``'s."""

SWEPT: Final = "fakegpt_fault"
"""The parameter of a test that stands for one fault of a sweep."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``source`` is a path, or interactions that stand in its place; ``use`` are options of ``use_cassette``.

    What becomes of ``unplayed`` interactions and ``unapplied`` faults is the plugin's to see to: it knows whether the
    test has passed.
    """

    source: Path | Sequence[Interaction]
    folder: Path
    use: dict[str, Any]
    unplayed: str
    unapplied: str
    allow_hosts: Any
    block_network: bool
    block_subprocesses: bool


def read(item: pytest.Item, configured: Mapping[str, object]) -> Wanted:
    """What the test wants. Raises ``BadSetting`` for what means nothing."""
    from fakegpt_testkit import recorder

    said = options.for_test(item.config, configured, [*item.iter_markers(options.MARKER)])
    recorder.check_options(said, also=_NEITHER)
    if is_ci(os.environ) and not options.for_run(item.config, "record_in_ci"):
        mode = recorder.read_mode(said["record_mode"])
        said["record_mode"] = mode if mode is recorder.RecordMode.VERIFY else "none"
    if sweep_of(item) is not None:
        fault = item.callspec.params[SWEPT] if isinstance(item, pytest.Function) else None
        said["faults"] = [] if fault is None else [fault]
    by_marker = any("faults" in each.kwargs for each in item.iter_markers(options.MARKER))
    unapplied = said.get("unapplied", "fail" if by_marker else "ignore")
    said["unapplied"] = "ignore"
    source, folder = place(item, str(said["cassette_dir"]))
    block = said["block_network"]
    return Wanted(
        source,
        folder,
        {name: value for name, value in said.items() if name not in _NEITHER and value is not None},
        said["unplayed"],
        unapplied,
        said["allow_hosts"],
        block is None or bool(block),
        bool(said["block_subprocesses"]),
    )


def place(item: pytest.Item, cassette_dir: str) -> tuple[Path | Sequence[Interaction], Path]:
    """Where the test's cassette is, or what stands in its place; and the folder of the cassettes."""
    from fakegpt_testkit import storage

    folder = item.config.rootpath / cassette_dir
    named = next((marker.args[0] for marker in item.iter_markers(options.MARKER) if marker.args), None)
    if named is None:
        return storage.path_for(folder, item.nodeid), folder
    return storage.inside(folder, named) if isinstance(named, str) else named, folder


def sweep_of(item: pytest.Item) -> Sweep | None:
    """What the nearest marker that speaks of faults wants at every event; None for plain faults, and for none."""
    said = [marker.kwargs["faults"] for marker in item.iter_markers(options.MARKER) if "faults" in marker.kwargs]
    if not said:
        return None
    from fakegpt_testkit.effects.faults import Sweep

    return said[0] if isinstance(said[0], Sweep) else None


def sweep(item: pytest.Item, over: Sweep) -> Sequence[Effect | None]:
    """The faults of a sweep, one test for each; a single None while there is no recording to sweep over."""
    from fakegpt_testkit import recorder

    said = options.for_test(item.config, {}, [*item.iter_markers(options.MARKER)])
    if not any(marker.args for marker in item.iter_markers(options.MARKER)):
        raise BadSetting("faults", "a sweep", "a cassette's name or a script beside it: many tests play one recording")
    source, _ = place(item, str(said["cassette_dir"]))
    if not isinstance(source, Path):
        return over.over(source)
    if not source.is_file():
        return [None]
    return over.over(recorder.load_cassette(source).interactions)
