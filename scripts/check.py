"""Checks everything, as ``make test`` does: lists its steps and how long each takes, then runs them in that order.

Runs in the project's own environment, and knows no test. A step that fails ends the run with its status; the coverage
is told all the same. ``quick`` runs what needs no server, ``newest`` the tests with the newest of everything, ``docs``
builds the site, ``node`` installs what the tests have Node run, and ``--list`` only lists, with any Python 3.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from subprocess import STDOUT
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
MATRIX = Path(".matrix")
LINES = Path("requirements")
PROGRAMS = Path("tests", "programs")
NODE = MATRIX / "node"
BIN = "Scripts" if os.name == "nt" else "bin"
PYTHON = sys.executable
UV = (PYTHON, "-m", "uv")
PYTEST = ("-m", "pytest", "--quiet")
SPREAD = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal")
"""One worker more than processors, since some tests wait; none is idle while another has some left."""
NO_CACHE = ("-p", "no:cacheprovider")
PROJECT = "fakegpt-testkit"
TESTS = "tests, with coverage"
OLDEST = 11
"""Python 3.x with which the floor is tested, the oldest that is supported."""
NEWEST_KNOWN = 20
"""Python 3.x is looked for up to this minor version."""
STATE = {"XDG_STATE_HOME": str(ROOT / MATRIX / "state")}
"""Where the tests would leave journals and locks, if one of them forgot to keep to a folder of its own."""
AS_INSTALLED = {"PYTHONSAFEPATH": "1"}
"""The checkout is not on the path: what is tested is what was installed."""


@dataclass(frozen=True)
class Step:
    """Commands that belong together, and the seconds that they take on two idle cores."""

    name: str
    about: int
    commands: tuple[tuple[str, ...], ...]
    environment: dict[str, str] = field(default_factory=dict)
    tells_of: str = ""
    """The step after whose failure this one runs all the same."""
    beside: bool = False
    """It keeps one processor busy: it runs beside its neighbours of the kind, and is shown when it has ended."""
    silent: bool = False
    """What it prints matters where it fails."""


def main(arguments: list[str]) -> int:
    """List the steps of what is asked for, and run them."""
    os.chdir(ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the tests start some hundred processes; each would compile it all
    if arguments == ["--list"]:
        tell(everything())
        return 0
    if arguments == ["state"]:
        return tell_left()
    if arguments == ["node"]:
        return install_for_node()
    steps = {"quick": quick, "newest": newest, "docs": docs, "": everything}[" ".join(arguments)]()
    if arguments:
        tell(steps)
    status = run(steps)
    if arguments == ["newest"] and (MATRIX / "newest").exists():
        tell_moved(inside(MATRIX / "newest"))
    return status


def everything() -> list[Step]:
    """What decides a landing."""
    elsewhere = [*providers(), *floor()]
    return [
        *looks(),
        Step("tests are read", 15, (reading(PYTHON),), beside=True, silent=True),
        Step(
            TESTS,
            215,
            ((PYTHON, "-m", "coverage", "erase"), covered("-m", "not browser and not programs", *SPREAD)),
            STATE,
        ),
        Step("coverage", 5, (coverage("combine", "--quiet"), coverage("report")), tells_of=TESTS),
        Step("nothing left in the user's state folder", 1, ((PYTHON, "scripts/check.py", "state"),)),
        Step("example, as its owner uses it", 30, ((PYTHON, "scripts/check_example.py"),), beside=True),
        Step(
            "programs of other languages",
            30,
            ((PYTHON, "scripts/check.py", "node"), (PYTHON, *PYTEST, *NO_CACHE, "-m", "programs")),
            beside=True,
        ),
        *docs(),
        Step("tests in a browser", 10, ((PYTHON, *PYTEST, *NO_CACHE, "-m", "browser"),), beside=True),
        *sorted(elsewhere, key=lambda step: not step.beside),  # the environments are made beside what is above
    ]


def quick() -> list[Step]:
    """What needs no server, no subprocess, no browser."""
    return [*looks(), Step("tests", 25, ((PYTHON, *PYTEST, "--quick", *SPREAD),))]


def newest() -> list[Step]:
    """The tests with the newest of everything that they need, on the newest Python of this machine."""
    pythons = find_pythons()
    install = ("--resolution", "highest", "--upgrade")
    node = Step("newest: packages of Node", 10, ((PYTHON, "scripts/check.py", "node"),))
    return [node, *in_environment("newest", "newest", pythons[max(pythons)], 180, install, ())]


def docs() -> list[Step]:
    """The site, built anew, since what a page refers to may be gone; a warning is a failure."""
    folder = MATRIX / "docs"
    build = ("-m", "sphinx", "-q", "--fresh-env", "--fail-on-warning", "--keep-going", "docs", str(MATRIX / "site"))
    install = ("--constraints", str(LINES / "docs.txt"), "--editable", ".[docs]")
    return [Step("docs", 15, (*make(folder, PYTHON, *install), (inside(folder), *build)), beside=True)]


def providers() -> list[Step]:
    """The tests with providers' own clients; those that would put themselves in urllib3's place are beside them."""
    made, tests = in_environment(
        "providers' clients", "sdks", PYTHON, 60, ("--constraints", str(LINES / "sdks.txt")), ("tests/sdks",)
    )
    beside = (
        "--target",
        str(MATRIX / "sdks" / "unmet"),
        "--constraints",
        str(LINES / "unmet.txt"),
        "niquests",
        "awscrt",
    )
    install = (*UV, "pip", "install", "--quiet", "--python", inside(MATRIX / "sdks"), *beside)
    return [replace(made, commands=(*made.commands, install)), tests]


def floor() -> list[Step]:
    """The tests with each dependency at the oldest that is supported."""
    python = find_pythons().get(OLDEST)
    if python is None:
        print(f"Python 3.{OLDEST}, the oldest that is supported, is not on this machine: the floor is not tested")
        return []
    lowest = ("--resolution", "lowest-direct")
    there = inside(MATRIX / "floor")
    older = (*UV, "pip", "install", "--quiet", "--python", there, "urllib3==1.26.18")
    files = tuple(f"tests/test_clients_{name}.py" for name in ("httpclient", "httpclient_connections", "contract"))
    theirs = (there, *PYTEST, *NO_CACHE, *SPREAD, "-k", "not httpx and not aiohttp", *files)
    return [
        *in_environment("floor", "floor", python, 85, lowest, ("-m", "not once and not browser")),
        # vcrpy cannot be loaded with urllib3 1.26, so its tests run above, and those of what meets urllib3 here
        Step("floor: urllib3 1.26", 12, (older, theirs), AS_INSTALLED),
    ]


def looks() -> list[Step]:
    """What only reads the code."""
    return [
        Step("types", 20, ((PYTHON, "-m", "mypy"),), beside=True),
        Step("format", 1, ((PYTHON, "-m", "ruff", "format", "--check", "--quiet"),), beside=True),
        Step("lint", 1, ((PYTHON, "-m", "ruff", "check", "--quiet"),), beside=True),
        Step("import contract", 3, ((program(Path(PYTHON).parent, "lint-imports"),),), beside=True),
    ]


def in_environment(
    name: str, folder: str, python: str, about: int, install: tuple[str, ...], tests: tuple[str, ...]
) -> list[Step]:
    """Tests in an environment of their own, made by uv; the package is installed, not the checkout."""
    there = MATRIX / folder
    wanted = ".[test,sdks]" if folder == "sdks" else ".[test]"
    made = make(there, python, *install, "--reinstall-package", PROJECT, wanted)
    return [
        Step(
            f"{name}: environment", 25, (*made, reading(inside(there), *tests)), AS_INSTALLED, beside=True, silent=True
        ),
        Step(f"{name}: tests", about, ((inside(there), *PYTEST, *NO_CACHE, *SPREAD, *tests),), AS_INSTALLED),
    ]


def reading(python: str, *tests: str) -> tuple[str, ...]:
    """Collects tests and leaves what was compiled: else each worker compiles all of it, which takes ten seconds."""
    return (python, *PYTEST, *NO_CACHE, "--collect-only", "--quiet", *tests)


def make(folder: Path, python: str, *install: str) -> tuple[tuple[str, ...], ...]:
    """The commands that make an environment in this folder."""
    return (
        (*UV, "venv", "--quiet", "--clear", "--python", python, str(folder)),
        (*UV, "pip", "install", "--quiet", "--python", inside(folder), *install),
    )


def covered(*arguments: str) -> tuple[str, ...]:
    """The tests, with branch coverage."""
    return (*coverage("run"), *PYTEST, *arguments)


def coverage(*arguments: str) -> tuple[str, ...]:
    """A command of coverage."""
    return (PYTHON, "-m", "coverage", *arguments)


def inside(folder: Path) -> str:
    """The interpreter of an environment."""
    return str(folder / BIN / "python")


def program(folder: Path, name: str) -> str:
    """A program beside an interpreter."""
    return str(folder / name)


def tell(steps: list[Step]) -> None:
    """Print what is about to be done and how long that takes."""
    print(
        f"{len(steps)} steps, about {told(sum(step.about // (1 + step.beside) for step in steps))} on two idle cores:"
    )
    for number, step in enumerate(steps, 1):
        print(f"{number:4}. {step.name}, about {told(step.about)}")
    sys.stdout.flush()


def run(steps: list[Step]) -> int:
    """Run the steps in order. After one that failed only what tells of it runs, and what was begun beside it."""
    began = time.monotonic()
    status, failed = 0, ""
    for beside, each in groupby(enumerate(steps, 1), lambda numbered: numbered[1].beside):
        wanted = (numbered for numbered in each if failed in {"", numbered[1].tells_of})
        for step, ended in (run_beside if beside else run_alone)(wanted, len(steps)):
            if ended and not failed:
                status, failed = ended, step.name
    taken = told(round(time.monotonic() - began))
    print(f"\n{failed} failed; the steps after it did not run ({taken})" if failed else f"\nall passed in {taken}")
    return status


def run_alone(steps: Iterable[tuple[int, Step]], of: int) -> Iterator[tuple[Step, int]]:
    """Run one step after the other, each one's output as it comes; the statuses."""
    for number, step in steps:
        print(f"\n[{number}/{of}] {step.name}", flush=True)
        since = time.monotonic()
        ended, _ = run_step(step, None)
        tell_ended(number, of, step, ended, time.monotonic() - since)
        yield step, ended


def run_beside(steps: Iterable[tuple[int, Step]], of: int) -> Iterator[tuple[Step, int]]:
    """Run as many steps at a time as there are processors; the statuses."""

    def timed(numbered: tuple[int, Step]) -> tuple[int, str, float]:
        since = time.monotonic()
        return *run_step(numbered[1], subprocess.PIPE), time.monotonic() - since

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        numbered = list(steps)
        for (number, step), (ended, said, took) in zip(numbered, pool.map(timed, numbered), strict=True):
            print(f"\n[{number}/{of}] {step.name}\n{said if ended or not step.silent else ''}", end="")
            tell_ended(number, of, step, ended, took)
            yield step, ended


def run_step(step: Step, output: int | None) -> tuple[int, str]:
    """The status of the first command that fails, or 0; and what was printed, where ``output`` is a pipe."""
    said = ""
    for command in step.commands:
        line = f"    $ {' '.join(command)}\n"
        if output is None:
            print(line, end="", flush=True)
        environment = {**os.environ, **step.environment}
        ended = subprocess.run(
            command, check=False, env=environment, stdout=output, stderr=output and STDOUT, text=True
        )
        said += line + (ended.stdout or "")
        if ended.returncode:
            return ended.returncode, said
    return 0, said


def tell_ended(number: int, of: int, step: Step, ended: int, took: float) -> None:
    """Print how a step ended, and after how many seconds."""
    print(f"[{number}/{of}] {step.name}: {'FAILED' if ended else 'passed'} in {took:.1f} s", flush=True)


def told(seconds: int) -> str:
    """Seconds as one says them."""
    return f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s"


def tell_moved(python: str) -> None:
    """Print which dependencies are newer in that environment than in the written lines."""
    listed = (*UV, "pip", "freeze", "--python", python)
    frozen = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    there, written = versions(frozen), versions((LINES / "dev.txt").read_text(encoding="utf-8"))
    moved = [
        f"  {name}: {written[name]} → {version}"
        for name, version in sorted(there.items())
        if name in written and written[name] != version
    ]
    added = [f"  {name}: new, {version}" for name, version in sorted(there.items()) if name not in written]
    print("\nmoved since the lines in requirements/ were written:" if moved or added else "\nno dependency moved")
    print("\n".join([*moved, *added, *(["`make lines` writes them anew"] if moved or added else [])]))


def versions(lines: str) -> dict[str, str]:
    """The version of each package, from ``name==version`` lines."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lines, re.MULTILINE))


def tell_left() -> int:
    """Whether the tests left nothing in what was the user's state folder to them."""
    folder = Path(STATE["XDG_STATE_HOME"])
    left = sorted(str(path) for path in folder.rglob("*"))
    shutil.rmtree(folder, ignore_errors=True)
    print(
        "\n".join(["a test wrote into the user's state folder; give it one of its own:", *left]) if left else "nothing"
    )
    return bool(left)


def install_for_node() -> int:
    """Install what the lock in tests/programs names, unless it is there; without npm the tests say what lacks."""
    lock = "package-lock.json"
    wanted, there = (PROGRAMS / lock).read_bytes(), NODE / lock
    if there.exists() and there.read_bytes() == wanted and (NODE / "node_modules").exists():
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print("no npm on this machine: tests that need packages of Node are skipped")
        return 0
    shutil.rmtree(NODE, ignore_errors=True)
    NODE.mkdir(parents=True)
    for name in ("package.json", lock):
        shutil.copy(PROGRAMS / name, NODE / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    status = subprocess.run(command, check=False, cwd=NODE).returncode
    if status:
        there.unlink()  # so that it is tried again
    return status


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
