"""What one marked test wants: its cassette, the options of ``use_cassette`` for it, and what it may reach.

Knows the marker, and nothing of recording or of the network: it reads, and others do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fakegpt_testkit.plugin import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pytest

    from fakegpt_testkit.tape import Interaction

_NEITHER: Final = ("url", "cassette_dir", "unplayed", "allow_hosts", "block_network", "block_subprocesses")
"""What is ours and not ``use_cassette``'s."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``source`` is a path, or interactions that stand in its place; ``use`` are options of ``use_cassette``."""

    source: Path | Sequence[Interaction]
    folder: Path
    use: dict[str, Any]
    unplayed: str
    allow_hosts: Any
    block_network: bool
    block_subprocesses: bool


def read(item: pytest.Item, configured: Mapping[str, object]) -> Wanted:
    """What the test wants. Raises ``BadOption`` for what means nothing."""
    from fakegpt_testkit import recorder

    said = options.for_test(item.config, configured, [*item.iter_markers(options.MARKER)])
    recorder.check_options(said, also=_NEITHER)
    if options.is_ci(os.environ) and not options.for_run(item.config, "record_in_ci"):
        recorder.read_mode(said["record_mode"])
        said["record_mode"] = "none"
    source, folder = place(item, str(said["cassette_dir"]))
    block = said["block_network"]
    return Wanted(
        source,
        folder,
        {name: value for name, value in said.items() if name not in _NEITHER and value is not None},
        said["unplayed"],
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
