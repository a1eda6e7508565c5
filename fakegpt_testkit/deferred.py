"""Names of a package that are imported when they are first used.

A suite loads this package through pytest's entry point though it may never use it, and a test that replays needs a part
of it only. Knows no room.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def defer(
    package: str, files: Mapping[str, Sequence[str]], extra: Sequence[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose ``files`` have these names; ``extra`` are loaded already.

    A name that a file of that name stands for is the file itself.
    """
    homes = {name: file for file, names in files.items() for name in names}

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(f"{package}.{homes[name]}")
        found = home if homes[name] == name else getattr(home, name)
        setattr(sys.modules[package], name, found)  # so that nobody comes here for it again
        return found

    def names() -> list[str]:
        return sorted({*homes, *extra})

    return get, names
