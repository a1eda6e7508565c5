"""Checks everything, as ``make test`` does: format, lint, types, import contract, docs, tests here, old and new.

Runs in the project's own environment. Each step prints what it runs; the first that fails ends the run with its status.
The tests run three times: here, with every dependency at its floor on the oldest Python, and with the newest of all on
the newest Python that the machine has. A Python that is not there is said so, and left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MATRIX = Path(".matrix")
PYTHON = sys.executable
SPREAD = ["-n", str(os.cpu_count() or 1)]
"""The tests run on every processor."""
SITE = [PYTHON, "-m", "sphinx", "-q", "--fresh-env", "--fail-on-warning", "--keep-going", "docs", str(MATRIX / "docs")]
"""The docs are built anew, since what a page refers to may be gone, and a warning is a failure."""
NEWEST_KNOWN = 20
"""Python 3.x is looked for up to this minor version."""


def main() -> int:
    """Run every step in order."""
    os.chdir(ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the tests start some hundred processes; each would compile it all
    began = time.monotonic()
    run("format", [PYTHON, "-m", "ruff", "format", "--check", "--quiet"])
    run("lint", [PYTHON, "-m", "ruff", "check", "--quiet"])
    run("types", [PYTHON, "-m", "mypy"])
    run("import contract", [str(Path(PYTHON).with_name("lint-imports"))])
    run("docs", SITE)
    check_here()
    run("example", [PYTHON, "scripts/check_example.py"])
    for name, python, resolution in environments():
        check_in(name, python, resolution)
    print(f"\nall checks passed in {time.monotonic() - began:.0f} s")
    return 0


def check_here() -> None:
    """The tests with branch coverage, in this environment."""
    run("coverage, reset", [PYTHON, "-m", "coverage", "erase"])
    run("tests", [PYTHON, "-m", "coverage", "run", "-m", "pytest", "--quiet", *SPREAD])
    run("coverage, joined", [PYTHON, "-m", "coverage", "combine", "--quiet"])
    run("coverage", [PYTHON, "-m", "coverage", "report"])


def environments() -> list[tuple[str, str, str]]:
    """Name, interpreter and uv's resolution of the other environments to test in."""
    pythons = find_pythons()
    floor = tuple(map(int, re.findall(r"\d+", project()["requires-python"])))
    oldest = pythons.get(floor[1])
    if oldest is None:
        print(f"Python 3.{floor[1]}, the oldest that is supported, is not on this machine: the floor is not tested")
    newest = max(pythons)
    found = [("floor", oldest, "lowest-direct")] if oldest else []
    if newest == sys.version_info.minor:
        print("no newer Python is on this machine: the newest is the one that was just tested")
        return found
    return [*found, ("newest", pythons[newest], "highest")]


def check_in(name: str, python: str, resolution: str) -> None:
    """The tests in an environment of their own, made by uv; the package is installed, not the checkout."""
    folder = MATRIX / name
    inside = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    uv = [PYTHON, "-m", "uv"]
    run(f"{name}: environment", [*uv, "venv", "--quiet", "--clear", "--python", python, str(folder)])
    install = [*uv, "pip", "install", "--quiet", "--python", inside, "--resolution", resolution]
    run(f"{name}: packages", [*install, "--reinstall-package", "fakegpt-testkit", ".[test]"])
    shown = subprocess.run([*uv, "pip", "list", "--python", inside], capture_output=True, text=True, check=True).stdout
    wanted = {"aiohttp", "vcrpy", "pytest", "pytest-asyncio", "hypothesis"}
    print(f"{name}: {python}; {', '.join(line for line in shown.splitlines() if line.split()[0] in wanted)}")
    os.environ["PYTHONSAFEPATH"] = "1"  # the checkout is not on the path: what is tested is what was installed
    run(f"{name}: tests", [inside, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *SPREAD])


def find_pythons() -> dict[int, str]:
    """Interpreters of CPython 3 by minor version: on the path, and where pyenv keeps those that are not."""
    named = [shutil.which(f"python3.{minor}") for minor in range(NEWEST_KNOWN)]
    kept = sorted(Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/3.*/bin/python"))
    found: dict[int, str] = {}
    for candidate in [sys.executable, *filter(None, named), *map(str, kept)]:
        minor = minor_version(candidate)
        if minor is not None:
            found.setdefault(minor, candidate)
    return found


def minor_version(python: str) -> int | None:
    """The minor version of a CPython 3 that runs; None for anything else."""
    code = "import sys; assert sys.implementation.name == 'cpython'; print(sys.version_info.minor)"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return int(asked.stdout) if asked.returncode == 0 else None


def project() -> dict[str, str]:
    """The project's own table of pyproject.toml."""
    table: dict[str, str] = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def run(name: str, command: list[str]) -> None:
    """Run one step; leave with its status when it fails."""
    print(f"\n== {name}: {' '.join(command)}", flush=True)
    began = time.monotonic()
    status = subprocess.run(command, check=False).returncode
    print(f"   {name}: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
    if status != 0:
        sys.exit(status)


if __name__ == "__main__":
    sys.exit(main())
