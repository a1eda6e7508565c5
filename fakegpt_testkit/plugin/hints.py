"""What a person is told to type after a failure, and where the failure is shown to be: in the test's own lines.

Knows no cassette.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import FakeGptTestkitError
from fakegpt_testkit.plugin.shown import shown_id
from fakegpt_testkit.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from fakegpt_testkit.recorder import Advice

_PROVIDER: Final = frozenset({"fakegpt", "fakegpt_upstream"})
_OURS: Final = f"{Path(__file__).parent.parent}{os.sep}"
_STANDARD: Final = f"{Path(os.__file__).parent}{os.sep}"
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def command(item: pytest.Item, *options: str) -> str:
    """What runs this test again from the folder in which pytest was started, as a shell takes it."""
    shown = shown_id(item)
    if shown != item.nodeid:  # a secret is among its parameters: with all of them the command works
        shown = shown.partition("[")[0]
    file, colons, rest = shown.partition("::")
    path = item.config.rootpath / file
    try:
        here = os.path.relpath(path, item.config.invocation_params.dir)
    except ValueError:  # on another drive
        here = str(path)
    return " ".join(("pytest", quoted(f"{here.replace(os.sep, '/')}{colons}{rest}"), *options))


def advice(item: pytest.Item, mode: str) -> Advice:
    """What to type to record this test, and to ask another URL, for errors."""
    from fakegpt_testkit.recorder import Advice

    def record(how: str) -> str:
        return command(item, f"--fakegpt-record-mode={how}")

    if _PROVIDER & set(getattr(item, "fixturenames", ())):
        return Advice(record, f"{record(mode)} --fakegpt-url=URL  # fakegpt-testkit stand-in has one")
    return Advice(record, "start the service, or give the client URL, and its marker origins={URL: <this one>}")


def cut(call: pytest.CallInfo[None], *, whole: bool) -> None:
    """End the traceback of an error of ours with the last line of the suite's own; with ``whole`` not."""
    found = call.excinfo
    if whole or found is None or not isinstance(found.value, FakeGptTestkitError):
        return
    frames = [*_frames(found.value.__traceback__)]
    own = [at for at, each in enumerate(frames) if _is_own(each.tb_frame.f_code.co_filename)]
    if own and own[-1] < len(frames) - 1:
        chain: TracebackType | None = None
        for each in reversed(frames[: own[-1] + 1]):
            chain = TracebackType(chain, each.tb_frame, each.tb_lasti, each.tb_lineno)
        found.value.__traceback__ = chain
        found.traceback = type(found.traceback)(chain)  # type: ignore[arg-type] # there is at least one


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_own(file: str) -> bool:
    return not file.startswith((_OURS, _STANDARD, "<")) and not any(each in file for each in _INSTALLED)
