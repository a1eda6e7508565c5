"""Runs tests that show much over again at their full speed: coverage slows them down and learns nothing from them.

Knows no coverage but how it starts: a trace function in each thread, and a variable for each process. What is left
unmeasured can only make the share that is reported smaller.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCESSES = "COVERAGE_PROCESS_CONFIG"


@contextmanager
def untraced() -> Iterator[None]:
    """Within this block no line is traced, nor in the threads and processes that it starts."""
    own, new = sys.gettrace(), threading.gettrace()
    processes = os.environ.pop(PROCESSES, None)
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(new)
        sys.settrace(own)
        if processes is not None:
            os.environ[PROCESSES] = processes
