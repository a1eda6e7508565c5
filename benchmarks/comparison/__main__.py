"""Runs the same eight probes over tools that record HTTP; prints the table of docs/comparison.md.

Run it with ``make comparison``, or ``python benchmarks/comparison [TOOL …]`` for some of them. Each tool gets an
environment of its own and its defaults; every exchange is in a process of its own, against a service on loopback.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from check import find_pythons
from peers import OURS, PEERS, Peer
from service import COOKIE, GAP, PIECES, TOKEN, Service, serving

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OLDEST = 12
ENVIRONMENTS = ROOT / ".matrix" / "comparison"
AT_ONCE = 4
"""How many tools are probed at a time: they wait more than they work."""
LIMIT = 30.0
"""Seconds that an exchange may take, its tool's start included."""
ENDLESS_LIMIT = 10.0
"""The same for a stream without an end; its third piece comes after half a second."""
BEARER = "bearer-of-the-request-93c0d4"
ENDLESS = 3
"""Pieces after which the reader of a stream without an end leaves."""


@dataclass(slots=True)
class Trial:
    """A tool with a client: its folder, and the exchanges that were run in it."""

    tool: str
    client: str
    service: Service
    folder: Path

    def run(
        self,
        phase: str,
        path: str,
        prompt: str = "Say hello",
        *,
        method: str = "",
        enough: int = 0,
        streamed: bool = True,
    ) -> dict[str, Any]:
        """One exchange; ``error`` is ``Hung`` when it had to be ended. ``asked`` says if the service was reached."""
        method = method or PEERS[self.tool].method
        self.folder.mkdir(exist_ok=True)
        self.service.seen = self.folder / "seen"
        self.service.seen.unlink(missing_ok=True)
        asked = self.service.asked
        request = {
            "method": method,
            "url": self.service.url + path,
            "body": None if method == "GET" else json.dumps({"messages": [prompt]}),
            "headers": {
                "Authorization": f"Bearer {BEARER}",
                "Content-Type": "application/json",
                "Accept": "text/event-stream",
            },
            "seen": str(self.service.seen),
            "enough": enough,
            "streamed": streamed,
        }
        kept = self.folder / "kept"
        kept.mkdir(exist_ok=True)
        command = [str(python_of(self.tool)), str(HERE / "exchange.py"), self.tool, self.client, phase]
        command += [str(kept), json.dumps(request)]
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {"CI": "", "XDG_STATE_HOME": str(self.folder / "state"), "HOME": str(self.folder)}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        try:
            out, err = process.communicate(timeout=ENDLESS_LIMIT if path == "/endless" else LIMIT)
            heard = (
                json.loads(out.splitlines()[-1])
                if out.strip()
                else {"pieces": [], "error": "Died", "detail": err[-300:]}
            )
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            heard = {"pieces": [], "error": "Hung", "detail": ""}
        if os.environ.get("COMPARISON_VERBOSE"):
            print("  ", self.tool, self.client, phase, path, json.dumps(heard)[:400], file=sys.stderr)
        return {**heard, "asked": self.service.asked > asked}

    def stored(self) -> bytes:
        """All that the tool wrote."""
        return b"\n".join(path.read_bytes() for path in sorted(self.folder.glob("kept/**/*")) if path.is_file())


def pieces(heard: dict[str, Any]) -> list[str]:
    return [piece for _, piece in heard["pieces"]]


@cache
def reference(client: str, path: str, enough: int = 0) -> tuple[tuple[str, ...], str]:
    """What the client alone hears, and the class of its exception."""
    with serving() as service, tempfile.TemporaryDirectory() as folder:
        heard = Trial("nothing", client, service, Path(folder)).run("record", path, method="POST", enough=enough)
    return tuple(pieces(heard)), heard["error"]


# --- the probes: each gives a cell of the table ---


def handed_on(trial: Trial) -> str:
    """Is the first piece at the client while the service holds the rest back?"""
    trial.service.held.clear()
    heard = trial.run("record", "/held")
    if not trial.service.held or heard["error"]:
        return f"fails: {heard['error'] or 'nothing heard'}"
    return "yes" if trial.service.held[-1] else "no"


def chunks_kept(trial: Trial) -> str:
    """Does a replay give the pieces that the client alone hears?"""
    trial.run("record", "/stream")
    heard = trial.run("replay", "/stream")
    if (found := _not_replayed(trial, heard)) is not None:
        return found
    wanted = reference(trial.client, "/stream")[0]
    got = pieces(heard)
    if "".join(got) != "".join(wanted):
        return "no: other bytes"
    return "yes" if tuple(got) == wanted else f"no: {len(got)} for {len(wanted)}"


def break_kept(trial: Trial, path: str = "/reset") -> str:
    """Does a stream that breaks after three pieces replay with these bytes and the same exception?"""
    trial.run("record", path)
    heard = trial.run("replay", path)
    if (found := _not_replayed(trial, heard)) is not None:
        return found
    before, error = reference(trial.client, path)
    got = "".join(pieces(heard))
    if heard["error"] == error and got == "".join(before):
        return "yes"
    if not heard["error"]:
        return "no: ends well" if got else "no: ends well, empty"
    return f"no: {heard['error']}, {len(got)} of {len(''.join(before))} bytes"


def other_prompt(trial: Trial) -> str:
    """What does a replay do with another prompt to the same endpoint?"""
    trial.run("record", "/stream", method="POST", streamed=False)
    heard = trial.run("replay", "/stream", "Say goodbye", method="POST", streamed=False)
    if heard["asked"]:
        return "asks the service"
    if not heard["error"]:
        return "**recorded answer**"
    same = trial.run("replay", "/stream", method="POST", streamed=False)
    return f"fails: {same['error']}" if same["error"] else "error"


def secrets_kept(trial: Trial) -> str:
    """Which of three secrets stand in what was stored?"""
    trial.run("record", "/session", method="GET", streamed=False)
    stored = trial.stored()
    if not stored:
        return "nothing stored"
    named = {"bearer": BEARER, "token": TOKEN, "cookie": COOKIE}
    return ", ".join(name for name, secret in named.items() if _holds(stored, secret)) or "none"


def times_kept(trial: Trial) -> str:
    """Does a replay take the time that the recording took?"""
    trial.run("record", "/stream")
    heard = trial.run("replay", "/stream")
    if (found := _not_replayed(trial, heard)) is not None:
        return found
    times = [at for at, _ in heard["pieces"]]
    return "yes" if times and times[-1] - times[0] >= 0.9 * GAP * (len(PIECES) - 1) else "no"


def endless_kept(trial: Trial) -> str:
    """Does a client that leaves a stream without an end get it recorded, up to there?"""
    heard = trial.run("record", "/endless", enough=ENDLESS)
    if heard["error"] == "Hung":
        return "**hangs**"
    wanted = "".join(reference(trial.client, "/endless", ENDLESS)[0])
    if not "".join(pieces(heard)).startswith(wanted):
        return f"fails: {heard['error']}"
    again = trial.run("replay", "/endless", enough=ENDLESS)
    if (found := _not_replayed(trial, again)) is not None:
        return found
    return "yes" if "".join(pieces(again)).startswith(wanted) else "no: other bytes"


PROBES: dict[str, Callable[[Trial], str]] = {
    "handed on at once": handed_on,
    "chunks": chunks_kept,
    "a reset": break_kept,
    "a close": partial(break_kept, path="/closed"),
    "no end": endless_kept,
    "times": times_kept,
    "another prompt gets": other_prompt,
    "secrets on the disk": secrets_kept,
}


def _not_replayed(trial: Trial, heard: dict[str, Any]) -> str | None:
    """A cell for a replay that was none; None when something was replayed."""
    if heard["asked"] or not any(_holds(trial.stored(), first) for first in ("data: one", "data: 1")):
        return "no: not stored"
    return f"fails: {heard['error']}" if heard["error"] and not heard["pieces"] else None


def _holds(stored: bytes, secret: str) -> bool:
    """As it is, in hex, or in base64 wherever it may begin."""
    raw = secret.encode()
    shifted = (base64.b64encode(b"\0" * shift + raw)[(shift and 4) : -4] for shift in range(3))
    joined = b"".join(stored.split())
    hexed = raw.hex().encode() in joined.lower()
    return hexed or any(each in joined for each in (raw.replace(b" ", b""), *shifted))


# --- the environments, the table ---


def python_of(tool: str) -> Path:
    return ENVIRONMENTS / name_of(tool) / ("Scripts" if os.name == "nt" else "bin") / "python"


@cache
def python() -> str:
    """An interpreter for the tools: 3.12, the oldest that all of them run on, or the next one that is there."""
    found = {minor: path for minor, path in find_pythons().items() if minor >= OLDEST}
    return found[min(found)]


def name_of(tool: str) -> str:
    return tool.partition(",")[0]


def install(tool: str, peer: Peer) -> str:
    """An environment with the tool; gives what kept it from being made."""
    if python_of(tool).exists():
        return ""
    uv = [sys.executable, "-m", "uv"]
    packages = [*peer.packages, "pytest"] if name_of(tool) != OURS else [*peer.packages, str(ROOT)]
    folder = ENVIRONMENTS / name_of(tool)
    for command in (
        [*uv, "venv", "--quiet", "--python", python(), str(folder)],
        [*uv, "pip", "install", "--quiet", "--python", str(python_of(tool)), *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            return done.stderr.strip()
    return ""


def version_of(tool: str) -> str:
    code = f"from importlib.metadata import version; print(version({name_of(tool)!r}))"
    return subprocess.run([python_of(tool), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def probed(tool: str, client: str) -> list[str]:
    """The cells of a tool with a client; a service and a folder of its own for each."""
    with serving() as service, tempfile.TemporaryDirectory() as folder:
        return [
            probe(Trial(tool, client, service, Path(folder) / str(number)))
            for number, probe in enumerate(PROBES.values())
        ]


def main(*wanted: str) -> int:
    if wanted == ("--python",):  # for who makes an environment beside these
        print(python())
        return 0
    tools = {tool: peer for tool, peer in PEERS.items() if not wanted or tool in wanted or tool == "nothing"}
    shutil.rmtree(ENVIRONMENTS / OURS, ignore_errors=True)
    for tool, peer in tools.items():
        if problem := install(tool, peer):
            print(f"{tool} could not be installed: {problem}", file=sys.stderr)
    rows = [(tool, client) for tool, peer in tools.items() if python_of(tool).exists() for client in peer.clients]
    for client in PEERS["nothing"].clients:
        for path, enough in (("/stream", 0), ("/reset", 0), ("/closed", 0), ("/endless", ENDLESS)):
            reference(client, path, enough)
    asked = subprocess.run([python_of("nothing"), "--version"], capture_output=True, text=True, check=True)
    print(f"{asked.stdout.strip()}, {time.strftime('%Y-%m-%d', time.gmtime())}\n")
    print("| tool | client | " + " | ".join(PROBES) + " |")
    print("|---|---|" + "---|" * len(PROBES))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = {row: pool.submit(probed, *row) for row in rows if row[0] != "nothing"}
        for tool, peer in tools.items():
            same: dict[tuple[str, ...], list[str]] = {}
            for client in peer.clients:
                if (tool, client) in found:
                    same.setdefault(tuple(found[tool, client].result()), []).append(client)
            for cells, clients in same.items():
                print(f"| {title(tool, peer)} | {', '.join(clients)} | {' | '.join(cells)} |", flush=True)
    return 0


def title(tool: str, peer: Peer) -> str:
    if ", " in tool:
        return f"{name_of(tool)} with {peer.changed}"
    return ", ".join(filter(None, (f"{tool} {version_of(tool)}", peer.changed)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
