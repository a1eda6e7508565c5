"""Code for another interpreter of this process, which has no audit hook: it is not run, wherever one was made before.

Knows no library beyond Python's own doors to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.guard.policy import Guard


def _check_run(guard: Guard, call: str, *_: object, **__: object) -> None:
    guard.block(call, "another interpreter of this process, which the guard does not see", "*")


_RUNNING: Final = dict.fromkeys(("exec", "run_string", "run_func", "call"), _check_run)
DOORS: Final[dict[str, dict[str, Callable[..., None]]]] = {"_interpreters": _RUNNING, "_xxsubinterpreters": _RUNNING}
"""Of each module, the functions that run code in an interpreter, with the check for each."""
