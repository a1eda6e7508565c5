"""An old file, a new one, and what lies in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = b"old\n" * 1000, b"new\n" * 5000


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
