"""Which library a call came from, as far as the stack shows it.

Knows no library by name, and nothing of hosts.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_CARRY: Final = frozenset(
    {"_socket", "asyncio", "concurrent", "contextlib", "fakegpt_testkit", "functools", "selectors", "socket", "ssl"}
    | {"threading"}
)
"""What has calls of others to make: it did not ask."""
_RUN: Final = frozenset(["_pytest", "pluggy", "pytest", "pytest_asyncio", "runpy", "unittest"])
"""What runs the code of a program."""


def asking_library() -> str:
    """The top-level name of the library that asked, as a program calls it; empty where it is the program itself.

    Of libraries that stand on each other it is the one that the program called.
    """
    asked, frame = "", sys._getframe(1)
    while (caller := frame.f_back) is not None:
        frame = caller
        name = _library_of(frame)
        if name in _RUN or name == "":
            break
        if name not in _CARRY:
            asked = name
    return asked


def _library_of(frame: FrameType) -> str:
    """The top-level name of the module of a frame; empty for the program's own code."""
    top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if top in _CARRY or top in sys.stdlib_module_names:
        return top
    return top if _is_installed(frame.f_code.co_filename) else ""


@cache
def _is_installed(file: str) -> bool:
    import sysconfig

    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return any(Path(file).is_relative_to(each) for each in places)
