"""What one marked test wants: its cassette, the options of ``use_cassette`` for it, and what it may reach.

Knows the marker, and nothing of recording or of the network: it reads, and others do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import pytest

from fakegpt_testkit import errors, guard
from fakegpt_testkit.ci import is_ci
from fakegpt_testkit.fakegpt.site import LIVE_URL
from fakegpt_testkit.plugin import naming, options, shown, why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.effects import Effect
    from fakegpt_testkit.effects.faults import Sweep
    from fakegpt_testkit.recorder import Settings
    from fakegpt_testkit.recorder.settings import Consequence

SWEPT: Final = "fakegpt_fault"
"""The parameter of a test that stands for one fault of a sweep."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``source`` is a path, or interactions that stand in its place; ``settings`` are for ``use_cassette``.

    What happens with ``refused`` requests, ``unplayed`` interactions and ``unapplied`` faults is the plugin's to see
    to: it knows whether the test has passed.
    """

    source: Path | Cassette
    settings: Settings
    refused: Consequence
    unplayed: Consequence
    unapplied: Consequence
    own: Own
    sources: tuple[why.Source, ...] = ()

    @property
    def reached(self) -> tuple[str, ...]:
        """The hosts that the test may reach, as a guard takes them; its own servers are on this machine."""
        from fakegpt_testkit.recorder.passing import OWN, split_host

        passing = (split_host(each)[0] for each in self.settings.passthrough if each != OWN)
        return (*self.own.allow_hosts, *passing)


@dataclass(frozen=True)
class Own:
    """The settings that are the plugin's own."""

    url: str = LIVE_URL
    cassette_dir: str = "cassettes"
    allow_hosts: tuple[str, ...] = ()
    block_network: bool = True
    block_subprocesses: bool = False


def wanted_by(item: pytest.Item, fixture: object) -> Wanted:
    """What the test wants, in all places where it can be written. Raises ``BadSetting`` for what means nothing."""
    if not isinstance(fixture, Mapping):
        raise errors.BadSetting("fakegpt_config", fixture, "a mapping of settings, such as {'pace': 'recorded'}")
    markers = [*item.iter_markers(options.MARKER)]
    layers = options.layers(item.config, fixture, markers)
    written = options.merged(layers)
    item.config.hook.pytest_fakegpt_settings(item=item, settings=written)
    sources = why.sources(layers, written)
    if sweep_of(item) is not None:
        fault = item.callspec.params[SWEPT] if isinstance(item, pytest.Function) else None
        written["faults"] = [] if fault is None else [fault]
    if not any("faults" in each.kwargs for each in markers):
        written.setdefault("unapplied", "ignore")
    written.setdefault("record_on_exception", "aside")
    written.setdefault("refused", options.OPTIONS["refused"].default)
    settings, own = read_settings(written)
    may_record = not is_ci(os.environ) or options.for_run(item.config, "record_in_ci")
    if not may_record and settings.mode.value != "verify":
        settings = settings.changed(record_mode="none")
        sources = (*sources, ("record_mode", "'none'", "CI in the environment"))
    shown.settle(item, settings.redaction)
    return Wanted(
        place(item, own.cassette_dir)[0],
        settings.changed(refused="ignore", unplayed="ignore", unapplied="ignore"),
        settings.refused,
        settings.unplayed,
        settings.unapplied,
        own,
        sources,
    )


def read_settings(said: Mapping[str, object]) -> tuple[Settings, Own]:
    """What was written, as the settings of ``use_cassette`` and the plugin's own."""
    from fakegpt_testkit.recorder import Settings, written

    ours: dict[str, written.Check] = {
        "url": lambda name, value: written.read_url(name, value).rstrip("/"),
        "cassette_dir": _folder,
        "allow_hosts": _hosts,
        "block_network": written.read_flag,
        "block_subprocesses": written.read_flag,
    }
    read, wrong = written.read_all(
        {name: value for name, value in said.items() if value is not None}, {**written.CHECKS, **ours}
    )
    written.refuse(wrong)
    own = Own(**{name: read.pop(name) for name in [*read] if name in ours})
    return Settings(**read), own


def _folder(name: str, value: object) -> str:
    folder = os.fspath(value) if isinstance(value, (str, os.PathLike)) else ""
    if not folder or "\0" in folder:
        raise errors.BadSetting(name, value, "a folder, relative to the rootdir, such as tests/cassettes")
    return folder


def _hosts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or (isinstance(value, Iterable) and all(isinstance(each, str) for each in value)):
        return guard.read_hosts(value)
    raise errors.BadSetting(name, value, "a list of hosts, such as ['db.example', '10.0.0.0/8']")


def place(item: pytest.Item, cassette_dir: str) -> tuple[Path | Cassette, Path]:
    """Where the test's cassette is, or what stands in its place; and the folder of the cassettes."""
    from fakegpt_testkit import storage

    folder = item.config.rootpath / cassette_dir
    given = next((marker.args for marker in item.iter_markers(options.MARKER) if marker.args), (None,))
    if len(given) > 1:
        raise errors.BadSetting("the marker's cassette", given, "one: its name, a path, a cassette or interactions")
    (named,) = given
    if named is None:
        return naming.own(folder, item), folder
    if isinstance(named, PurePath) and not named.is_absolute():
        named = named.as_posix()
    if isinstance(named, str):
        return storage.inside(folder, named), folder
    from fakegpt_testkit.recorder.file import read_source

    path, values = read_source(named)
    return path if values is None else values, folder


def sweep_of(item: pytest.Item) -> Sweep | None:
    """What the nearest marker that speaks of faults wants at every event; None for plain faults, and for none."""
    said = [marker.kwargs["faults"] for marker in item.iter_markers(options.MARKER) if "faults" in marker.kwargs]
    if not said:
        return None
    from fakegpt_testkit.effects.faults import Sweep

    return said[0] if isinstance(said[0], Sweep) else None


def sweep(item: pytest.Item, over: Sweep) -> Sequence[Effect | None]:
    """The faults of a sweep, one test for each; a single None while there is no recording to sweep over."""
    from fakegpt_testkit.recorder import load_cassette

    written = options.for_test(item.config, {}, [*item.iter_markers(options.MARKER)])
    if not any(marker.args for marker in item.iter_markers(options.MARKER)):
        raise errors.BadSetting(
            "faults", "a sweep", "a cassette's name or a script beside it: many tests play one recording"
        )
    source, _ = place(item, str(written.get("cassette_dir", Own.cassette_dir)))
    if not isinstance(source, Path):
        return over.over(source.interactions)
    if not source.is_file():
        return [None]
    return over.over(load_cassette(source).interactions)
