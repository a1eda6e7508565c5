"""Runs the OpenAI SDK, which stands on httpx2, over tools that record for it; prints a table of docs/comparison.md.

``make comparison`` runs it; or ``python benchmarks/comparison/sdk.py [TOOL …]`` where the SDK and the tools of
``requirements.txt`` beside it are installed. The service is on loopback; each exchange is a process of its own, so a
replay has nothing but what lies on the disk.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "fakegpt-testkit": "below the client's parser",
    "fakegpt-testkit, pace": "the same",
    "vcrpy": "in the client",
    "standin": "in the client",
    "lockstepd": "in the client's transport",
    "agent-rewind": "in the SDK",
    "cendor-cassette": "in the SDK",
    "timefork": "a proxy",
    "tapebox": "a server at the base URL",
    "aimock": "a server at the base URL",
}
"""The tools, and where each sits."""
AIMOCK = ROOT / ".matrix" / "aimock" / "node_modules" / "@copilotkit" / "aimock"
WORDS = 6
GAP = 0.06
HOLD = 6.0
"""Seconds for which the first word is waited for at most: the SDK's first answer takes it a while on a busy machine."""
LIMIT = 60.0


class Service(BaseHTTPRequestHandler):
    """Streams a few words, each event in two pieces; resets the connection in their midst where that is asked for."""

    protocol_version = "HTTP/1.1"
    asked = 0
    seen: Path | None = None
    """A file that is there once the client has a word."""
    handed_on = False

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        type(self).asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(WORDS):
            said = event({"content": f"word {number} "})
            for piece in (said[:40], said[40:]):
                self._send(piece)
                time.sleep(GAP)
            if "held" in body["messages"][0]["content"] and number == 0:
                type(self).handed_on = self._is_seen()
            if "reset" in body["messages"][0]["content"] and number == WORDS // 2:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
        self._send(event({}, "stop") + b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _is_seen(self) -> bool:
        """Whether the client has a word, which is waited for."""
        end = time.monotonic() + HOLD
        while self.seen is not None and not self.seen.exists() and time.monotonic() < end:
            time.sleep(0.02)
        return self.seen is not None and self.seen.exists()

    def _send(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.flush()


class Quiet(ThreadingHTTPServer):
    """Says nothing of a connection that its client resets."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One event, as the service says it."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(data).encode()


# --- one exchange, in a process of its own ---


def recording(tool: str, phase: str, file: str) -> Any:
    """The tool's context, opened as its documents show first."""
    records = phase == "record"
    match tool:
        case "fakegpt-testkit":
            return importlib.import_module("fakegpt_testkit").use_cassette(
                file, record_mode="all" if records else "none"
            )
        case "fakegpt-testkit, pace":
            return importlib.import_module("fakegpt_testkit").use_cassette(
                file, record_mode="all" if records else "none", pace="recorded"
            )
        case "vcrpy":
            return importlib.import_module("vcr").use_cassette(file, record_mode="all" if records else "none")
        case "standin":
            return importlib.import_module("standin").use_cassette(file, mode="all" if records else "none")
        case "agent-rewind":
            rewind = importlib.import_module("rewind")
            rewind.auto_patch()
            return (rewind.record if records else rewind.replay)(file)
        case "cendor-cassette":
            return importlib.import_module("cendor.cassette").using(file, mode=phase)
        case "lockstepd":
            os.environ["LOCKSTEP_RECORD" if records else "LOCKSTEP_REPLAY"] = file
            return importlib.import_module("lockstepd.runtime").auto_session()
    return nullcontext()


def exchange(tool: str, phase: str, prompt: str, file: str) -> dict[str, object]:
    """What the SDK's user saw, and when its first word came, as a part of the whole time."""
    client: Any = importlib.import_module("openai").OpenAI(api_key="sk-none", max_retries=0)
    if tool == "cendor-cassette":
        client = importlib.import_module("cendor.core").instrument(client)
    asked = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": True}
    seen: list[object] = []
    times: list[float] = []
    failure = ""
    began = time.monotonic()
    try:
        with recording(tool, phase, file):
            if "raw" in prompt:
                with client.chat.completions.with_streaming_response.create(**asked) as response:
                    seen.extend(len(piece) for piece in response.iter_bytes())
            else:
                for chunk in client.chat.completions.create(**asked):
                    times.append(time.monotonic() - began)
                    Path(file + ".seen").touch()
                    seen.append(chunk.choices[0].delta.content)
    except Exception as raised:
        failure = type(raised).__name__
    return {
        "seen": seen,
        "failure": failure,
        "first": times[0] if times else None,
        "last": times[-1] if times else None,
    }


@contextmanager
def between(tool: str, phase: str, upstream: str, folder: Path) -> Iterator[str]:
    """The URL that the SDK asks: a tool's server, for one that is a server, and else the service's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    tape = str(folder / "tape.json")
    tapebox = str(Path(sys.executable).with_name("tapebox"))
    aimock = ["node", str(AIMOCK / "dist" / "cli.js"), "--port", port, "--fixtures", str(folder)]
    commands = {
        ("tapebox", "record"): [
            *(tapebox, "gateway", "--output", tape, "--listen", f"127.0.0.1:{port}"),
            *("--provider", "openai", "--upstream", f"openai={upstream}"),
        ],
        ("tapebox", "replay"): [tapebox, "replay", "--tape", tape, "--listen", f"127.0.0.1:{port}"],
        ("aimock", "record"): [*aimock, "--record", "--provider-openai", upstream],
        ("aimock", "replay"): aimock,
    }
    if (command := commands.get((tool, phase))) is None:
        yield upstream
        return
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LIMIT / 4
        while server.poll() is None and time.monotonic() < end:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", int(port))) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        time.sleep(1)  # it writes once the SDK has left
        server.terminate()
        server.wait(10)


# --- the table ---


@dataclass
class Trial:
    """A tool, and where what it records lies."""

    tool: str
    url: str
    folder: Path
    asked: list[int] = field(default_factory=list)

    def run(self, phase: str, prompt: str) -> dict[str, Any]:
        """One exchange; how often it asked the service is noted."""
        before = Service.asked
        Service.seen = Path(f"{self.folder / prompt}.seen")
        Service.handed_on = False
        command = [sys.executable, __file__, "--exchange", self.tool, phase, prompt, str(self.folder / prompt)]
        if self.tool == "timefork":
            command = ["timefork", *(("record",) if phase == "record" else ("replay", "last")), "--", *command]
        own = {"TIMEFORK_UPSTREAM_OPENAI": self.url, "PYTHONPATH": str(ROOT)}
        folder = self.folder / f"{self.tool}-{prompt}"
        folder.mkdir(exist_ok=True)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with between(self.tool, phase, self.url, folder) as url:
            own |= {"OPENAI_BASE_URL": f"{url}/v1", "PATH": path}
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT, cwd=folder, env={**os.environ, **own}
            )
        self.asked.append(Service.asked - before)
        told = [line for line in ran.stdout.splitlines() if line.startswith("{")]
        if not told:
            return {"seen": [], "failure": f"nothing: {(ran.stderr or ran.stdout)[-200:]}", "first": None, "last": None}
        found: dict[str, Any] = json.loads(told[0])
        return found


def row(tool: str, live: dict[str, dict[str, Any]], url: str, folder: Path) -> str:
    """A line of the table."""
    trial = Trial(tool, url, folder)
    trial.run("record", "held")
    cells = [title(tool), PACKAGES[tool], "yes" if Service.handed_on else "no"]
    for prompt in live:
        trial.run("record", prompt)
    trial.asked.clear()
    replayed = {prompt: trial.run("replay", prompt) for prompt in live}
    for asked, (prompt, wanted) in zip(trial.asked, live.items(), strict=True):
        found = replayed[prompt]
        same = (found["seen"], found["failure"]) == (wanted["seen"], wanted["failure"])
        said = f"no: {len(found['seen'])} for {len(wanted['seen'])} {found['failure'][:40]}".rstrip()
        cells.append("**asks the service**" if asked else "yes" if same else said)
    paced = "yes" if _took(replayed["say"]) >= 0.9 * GAP * (2 * WORDS - 1) else "no"
    cells.append("**asks the service**" if trial.asked[0] else paced)
    return f"| {' | '.join(cells)} |"


def _took(heard: dict[str, Any]) -> float:
    """Seconds from the first word to the last."""
    return 0.0 if heard["first"] is None else heard["last"] - heard["first"]


def title(tool: str) -> str:
    """The tool and its version, or what is not as its defaults."""
    name, _, changed = tool.partition(", ")
    return f'{name} with `{changed}="recorded"`' if changed else f"{name} {version_of(name)}"


def version_of(tool: str) -> str:
    """The version that is installed; aimock is a program of Node's."""
    if tool != "aimock":
        return version(tool)
    said: str = json.loads((AIMOCK / "package.json").read_text())["version"]
    return said


@contextmanager
def serving() -> Iterator[str]:
    """The service, for as long as the block runs."""
    server = Quiet(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def main() -> None:
    """Print the table, or one exchange as JSON."""
    if sys.argv[1:2] == ["--exchange"]:
        print(json.dumps(exchange(*sys.argv[2:])))
        return
    dated = f"Python {platform.python_version()}, {time.strftime('%Y-%m-%d', time.gmtime())}"
    print(f"openai {version('openai')} on httpx2 {version('httpx2')}, {dated}\n")
    columns = ("tool", "where it sits", "handed on at once", "words", "a reset", "pieces below the SDK", "times")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        alone = Trial("", url, Path(folder))
        live = {prompt: alone.run("live", prompt) for prompt in ("say", "reset", "raw")}
        for tool in sys.argv[1:] or PACKAGES:
            apart = Path(folder) / tool
            apart.mkdir()
            print(row(tool, live, url, apart), flush=True)


if __name__ == "__main__":
    main()
