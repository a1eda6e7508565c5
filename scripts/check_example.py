"""Uses ``examples/chatbot`` as its owner would, from the built wheel on; a step of ``make test``.

Builds the wheel, installs it with the example into a fresh environment, records from the stand-in, stops it, replays
where there is no network, alone and on two workers, looks the cassettes over, and verifies them against a service that
drifted. Each command has to end as it should and to say what it should; the first that does not ends the run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "chatbot"
TEXT = "A stream is a promise, kept one chunk at a time. 😀"
NO_NETWORK = ("unshare", "--net", "--map-root-user", "--")
"""Runs a command where the only interface is a loopback that is down."""
UNREACHABLE = """
import errno, socket, sys
with socket.socket() as probe:
    sys.exit(probe.connect_ex(("127.0.0.1", 9)) != errno.ENETUNREACH)
"""


def main() -> int:
    """Every step, in order."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatbot-") as folder:
        user = User(Path(folder))
        user.install()
        user.record()
        user.replay()
        user.look()
        user.verify()
    print(f"   the example works as its owner would use it ({time.monotonic() - began:.0f} s)")
    return 0


class User:
    """Somebody with a folder, an environment in it, and the example without its cassettes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._project = folder / "chatbot"
        self._programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._environment |= {"CI": "", "XDG_STATE_HOME": str(folder / "state")}

    def install(self) -> None:
        """The wheel, and the example with what its tests need."""
        leave = shutil.ignore_patterns("cassettes", "__pycache__", ".*")
        shutil.copytree(EXAMPLE, self._project, ignore=leave)
        uv = [sys.executable, "-m", "uv"]
        self._run([*uv, "build", "--quiet", "--wheel", "--out-dir", str(self._folder / "dist"), str(ROOT)])
        self._run([*uv, "venv", "--quiet", "--python", sys.executable, str(self._folder / "venv")])
        (wheel,) = (self._folder / "dist").glob("*.whl")
        into = ["--python", str(self._programs / "python")]
        self._run([*uv, "pip", "install", "--quiet", *into, str(wheel), f"{self._project}[test]"])
        self._run([*self._program("python"), "-c", "import fakegpt_testkit as it; print(it.__file__)"], says=["venv"])

    def record(self) -> None:
        """From a stand-in; what comes must be what lies beside the example, but for ids and times."""
        with self._stand_in() as url:
            self._pytest("--fakegpt-record-mode=once", f"--fakegpt-url={url}", says=["9 passed", "9 recorded"])
        for kept in sorted(EXAMPLE.glob("cassettes/**/*.yaml")):
            made = self._project / kept.relative_to(EXAMPLE)
            self._run([*self._program("fakegpt-testkit"), "diff", str(kept), str(made)], says=["same: 0 differences"])
        if len(self._cassettes()) != len([*EXAMPLE.glob("cassettes/**/*.yaml")]):
            fail(f"other cassettes were recorded than lie beside the example: {sorted(self._cassettes())}")

    def replay(self) -> None:
        """With the stand-in gone, as in CI, on one worker and on two: no run can reach a network."""
        before = without_network(self._program("python"))
        whole = ["22 passed", "0 recorded, 0 unplayed, 0 orphans, 0 blocked"]
        self._pytest(before=before, says=whole, CI="true")
        self._pytest("-n", "2", before=before, says=whole, CI="true")

    def look(self) -> None:
        """All in order; then a cassette too many is found and removed."""
        self._testkit("check", "cassettes", says=["2 cassettes, 0 findings"])
        self._testkit("orphans", says=["0 orphans"])
        forgotten = self._project / "cassettes" / "forgotten.yaml"
        shutil.copy(self._project / "cassettes" / "greeting.yaml", forgotten)
        self._testkit("orphans", says=["cassettes/forgotten.yaml"], status=1)
        self._pytest(says=["22 passed", "orphan: cassettes/forgotten.yaml"], status=1)
        self._testkit("prune", "--yes", says=["removed"])
        if forgotten.exists():
            fail("prune left the cassette that no test uses")

    def verify(self) -> None:
        """Against the same service, one that says other words, and one that lost a field. No cassette changes."""
        before = self._cassettes()
        with self._stand_in() as url:
            self._verify(url, says=["verified"])
        with self._stand_in("--drift", "other-text") as url:
            self._verify(url, says=["harmless"])
        with self._stand_in("--drift", "gone-field") as url:
            self._verify(url, says=["broken"], status=1)
        if self._cassettes() != before:
            fail("verify changed a cassette")

    def _verify(self, url: str, *, says: Sequence[str], status: int = 0) -> None:
        self._pytest("--fakegpt-record-mode=verify", f"--fakegpt-url={url}", says=says, status=status)
        self._testkit("verify", "cassettes", "--url", url, says=says, status=status)

    @contextmanager
    def _stand_in(self, *options: str) -> Iterator[str]:
        """The service's stand-in while the block runs; gives its URL."""
        command = [*self._program("fakegpt-testkit"), "stand-in", "--port", "0", "--json", "--delay", "0.01"]
        command += ["--text", TEXT, *options]
        running = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)
        try:
            assert running.stdout is not None  # it is a pipe; this is for the type checker
            told = ""
            while not told.rstrip().endswith("}"):
                line = running.stdout.readline()
                if not line:
                    fail(f"the stand-in did not start: {told}")
                told += line
            yield json.loads(told)["url"]
        finally:
            running.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
            running.wait(10)

    def _program(self, name: str) -> list[str]:
        return [str(self._programs / name)]

    def _testkit(self, *arguments: str, says: Sequence[str] = (), status: int = 0) -> None:
        self._run([*self._program("fakegpt-testkit"), *arguments], says=says, status=status)

    def _pytest(
        self,
        *arguments: str,
        says: Sequence[str],
        status: int = 0,
        before: Sequence[str] = (),
        CI: str = "",  # noqa: N803
    ) -> None:
        command = [*before, *self._program("python"), "-m", "pytest", "-q", *arguments]
        self._run(command, says=says, status=status, CI=CI)

    def _run(self, command: Sequence[str], *, says: Sequence[str] = (), status: int = 0, **environment: str) -> None:
        """Run a command in the project; it has to end with this status and to say these words."""
        where = {**self._environment, **environment}
        done = subprocess.run(command, cwd=self._project, env=where, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        missing = [word for word in says if word not in said]
        if done.returncode != status or missing:
            shown = " ".join(command)
            fail(f"{shown}\n{said}\nended with {done.returncode}, wanted {status}; not said: {missing or 'nothing'}")

    def _cassettes(self) -> dict[str, bytes]:
        folder = self._project / "cassettes"
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("**/*.yaml")}


def without_network(python: Sequence[str]) -> Sequence[str]:
    """What to put before a command so that it has no network; nothing where this machine has no such thing.

    That is said, and with ``CI`` set it is a failure.
    """
    if shutil.which(NO_NETWORK[0]):
        tried = subprocess.run([*NO_NETWORK, *python, "-c", UNREACHABLE], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return NO_NETWORK
        why = tried.stderr.strip() or "the loopback answers there"
    else:
        why = "there is no unshare"
    if os.environ.get("CI"):
        fail(f"this machine can make no network namespace ({why}), and with CI set the replay is not done without one")
    print(f"   no network namespace on this machine ({why}): the replay ran with the stand-in stopped, and no more")
    return ()


def fail(why: str) -> NoReturn:
    """Leave with status 1."""
    print(why)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
