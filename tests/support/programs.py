"""Programs of other languages for tests: curl, Node and its packages, Java. What lacks is said and skipped."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests" / "programs"
MODULES = ROOT / ".matrix" / "node" / "node_modules"
"""Where ``scripts/check.py node`` puts the packages of ``tests/programs/package-lock.json``."""
MUST_BE_THERE = frozenset({"curl", "node", "npm"})


def program(name: str) -> str:
    """Where a program is; without it the test is skipped, or fails where CI says that all tests are to run."""
    found = shutil.which(name)
    if found is None:
        lacks(f"no {name} on this machine", must=name in MUST_BE_THERE)
    assert found is not None
    return found


def modules() -> Path:
    """The packages of Node."""
    if not (MODULES / "openai").exists():
        lacks("no packages of Node: python scripts/check.py node", must=True)
    return MODULES


def lacks(what: str, *, must: bool) -> None:
    """Skip the test, or fail it where it must run."""
    if must and os.environ.get("CI", "").lower() == "true":
        pytest.fail(what)
    pytest.skip(what)


def run(*command: object, **environment: str) -> str:
    """What a program prints; it has to end well."""
    done = subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node(base: str, what: str, **environment: str) -> dict[str, Any]:
    """What came of asking this server with Node."""
    folder = str(modules().parent) if what != "fetch" else ""
    told: dict[str, Any] = json.loads(
        run(program("node"), HERE / "client.mjs", base, what, MODULES=folder, **environment)
    )
    return told


@contextmanager
def pages() -> Iterator[str]:
    """The origin of the pages that ask; another one than the server's."""
    handler = functools.partial(_Quiet, directory=str(HERE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""
