"""The pages of the documentation, their code blocks, and a reader who does what a page says, block by block.

The reader sits in a folder of the page's own. What a page may say, and what becomes of it:

- Python whose first line names a file (`# tests/test_chat.py`) is written there; other Python of a page is one module.
- `$ command` runs. What is shown below it must be what it prints: `…` stands for any characters, alone on a line for
  any lines. A comment `exit code 1` says so where a command is to fail; `^C` stops the stand-in.
- The live services, the chat's and `https://llm.example`, are there for the commands that speak of recording, only.
- ini, toml, yaml and json are parsed, and written where their first line names a file; a workflow's steps run.
- JavaScript and HTML name a file in their first line; a page with one of these needs Node and a browser.
- `pip install` looks whether it is there, and so does `npm install`.
- A block below `<!-- not run: reason -->` is left alone, and counted.
"""

from __future__ import annotations

import ast
import configparser
import http.cookiejar  # noqa: F401  # once, before a page's run: the module is forgotten after it, what requests has of it is not
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from markdown_it import MarkdownIt

from fakegpt_testkit import cassette
from fakegpt_testkit.cli import main, stand_in
from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread
from support import live_llm, programs
from support.commands import runner
from support.suites import INI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
SPHINX = re.compile(r"\{[\w-]+\}")
"""How the language of a block begins that only the site's generator reads."""
MARK = re.compile(r"<!-- not run: (.+) -->")
NAMED = re.compile(r"(?:#|//|<!--) ((?:[\w.-]+/)*[\w.-]+\.\w+)(?: -->)?$")
EXIT_CODE = re.compile(r"# .*\bexit code (\d)")
OURS = "fakegpt-testkit"
OF_PROGRAMS = ("javascript", "html")
LEFT_OUT = ("-p", "no:looptime_plugin", "-p", "no:unraisableexception")
"""The first leaves a loop open; the second collects garbage five times at a run's end, and ours is there anyway."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; ``unrun`` is the reason why it is not run, ``line`` where it begins in its page, from 1."""

    language: str
    text: str
    line: int
    unrun: str = ""

    @property
    def file(self) -> str:
        """The file that its first line names."""
        found = NAMED.match(self.text.partition("\n")[0])
        return found[1] if found else ""


@dataclass(frozen=True)
class Page:
    """A page; its ``name`` is its path, seen from the root."""

    name: str
    text: str

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        tokens = MarkdownIt().parse(self.text)
        return tuple(self._read(tokens))

    def _read(self, tokens: Sequence[Any]) -> Iterator[Block]:
        unrun = ""
        for token in tokens:
            if token.type in {"fence", "code_block"} and not SPHINX.match(token.info):
                yield Block(token.info.strip(), token.content, token.map[0] + 1, unrun)
            mark = MARK.match(token.content) if token.type == "html_block" else None
            unrun = mark[1] if mark else ""

    @property
    def needs_programs(self) -> bool:
        """Whether it takes more than Python to do what the page says."""
        return any(block.language in OF_PROGRAMS for block in self.blocks)

    @property
    def tests(self) -> set[str]:
        """The names of the test functions on the page."""
        python = (block.text for block in self.blocks if block.language == "python" and not block.unrun)
        return {found for text in python for found in re.findall(r"^ *(?:async )?def (test_\w+)", text, re.MULTILINE)}


PAGES = tuple(
    Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
)


def prepare(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As at a reader's own desk, and not in CI; a page's tests run in this process, and may be called as ours are."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    for name in [name for name in sys.modules if name.startswith("test_")]:
        monkeypatch.delitem(sys.modules, name)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    text: str
    code: int


@dataclass(eq=False)
class Reader:
    """Does what a page says, in ``pytester``'s folder."""

    page: Page
    pytester: pytest.Pytester
    passed: set[str] = field(default_factory=set)
    loose: list[str] = field(default_factory=list)
    _ports: dict[str, int] = field(default_factory=dict)
    _stand_in: ExitStack = field(default_factory=ExitStack)

    def read(self) -> None:
        """Do all of it; afterwards each test of the page has passed."""
        self._write("pytest.ini", INI)
        with self._stand_in:
            for block in self.page.blocks:
                if not block.unrun:
                    self._do(block)
        if self.loose or self.page.tests - self.passed:
            said = self._pytest([], {})
            assert said.code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}, said.text
        never = self.page.tests - self.passed
        assert not never, f"{self.page.name}: never passed: {never}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests passed: the reader is a plugin of the runs, so xdist's workers tell it too."""
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid.rpartition("::")[2].partition("[")[0])

    def _do(self, block: Block) -> None:
        languages: dict[str, Callable[[str], object]] = {
            "python": ast.parse,
            "console": self._converse,
            "ini": configparser.ConfigParser().read_string,
            "toml": tomllib.loads,
            "yaml": self._take_yaml,
            "json": json.loads,
            **dict.fromkeys(OF_PROGRAMS, partial(_named, block)),
        }
        where = f"{self.page.name}, line {block.line}"
        assert block.language in languages, (
            f"{where}: what is {block.language!r}? If it can't run, say why: {MARK.pattern}"
        )
        text = self._here(block.text)
        try:
            languages[block.language](text)
        except BaseException as failure:
            failure.add_note(where)
            raise
        if block.file:
            self._write(block.file, text)
        elif block.language == "python":
            self.loose.append(text)
            self._write(f"test_{re.sub('[^a-z]', '_', Path(self.page.name).stem)}.py", "\n\n".join(self.loose))

    def _here(self, text: str) -> str:
        """The text with the addresses of this run."""
        for address in re.findall(rf"http://(?:localhost|127\.0\.0\.1):\d+|{live_llm.URL}", text):
            if address not in self._ports:
                same = [port for known, port in self._ports.items() if known.endswith(address.rpartition(":")[2])]
                self._ports[address] = same[0] if same else free_port()
        for address, port in self._ports.items():
            text = text.replace(address, served_at(address, port))
        return text

    def _written(self, text: str) -> str:
        """The text with the addresses of the page."""
        for address, port in self._ports.items():
            text = text.replace(served_at(address, port), address)
        return text

    def _write(self, file: str, text: str) -> None:
        path = self.pytester.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _take_yaml(self, text: str) -> None:
        said = yaml.safe_load(text)
        if "interactions" in said:
            read = cassette.loads(text.encode(), self.page.name)
            assert "fakegpt:" not in text or cassette.dumps(read) == text.encode()
        for job in said["jobs"].values() if "jobs" in said else ():
            environment = {**said.get("env", {}), **job.get("env", {}), "CI": "true"}
            for step in job["steps"]:
                for line in step.get("run", "").splitlines():
                    told = self._run(line, {name: str(value) for name, value in environment.items()})
                    assert told.code == 0, told.text

    def _converse(self, text: str) -> None:
        commands = re.split(r"^\$ ", text, flags=re.MULTILINE)
        if commands[0].strip() == "^C":
            self._stand_in.close()
            return
        assert not commands[0], "the first line is no command"
        for command in commands[1:]:
            line, _, shown = command.replace("\\\n", "").partition("\n")
            said = self._run(line)
            code = EXIT_CODE.search(line)
            assert said.code == (int(code[1]) if code else 0), f"$ {line}\n{said.text}"
            if shown.strip():
                printed = "".join(f"{each.rstrip()}\n" for each in self._written(said.text).strip("\n").splitlines())
                assert re.fullmatch(pattern(self._written(shown)), printed), f"$ {line}\n{printed}"

    def _run(self, line: str, environment: dict[str, str] | None = None) -> Said:
        environment = {**(environment or {})}
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        fed = ""
        if "|" in words and words[words.index("|") + 1] == OURS:
            fed = self._shell(line.partition("|")[0], environment).text
            words = words[words.index("|") + 1 :]
        match words:
            case ["pip", "install", *wanted]:
                return installed(wanted)
            case ["npm", "install", *wanted]:
                return self._installed_for_node(wanted)
            case ["pytest", *options]:
                with self._live(options) if "record" in line else nullcontext(options) as told:
                    return self._pytest(told, environment)
            case ["fakegpt-testkit", "stand-in", *options] if not {"--dialect", "--help"} & {*options}:
                return self._serve(options)
            case ["fakegpt-testkit", "serve" | "stand-in" as command, *options] if not {"--health", "--help"} & {
                *options
            }:
                return self._running(command, options, environment)
            case ["fakegpt-testkit", *options]:
                said = runner().invoke(main, options, input=fed, env=environment)
                return Said(said.output, said.exit_code)
        return self._shell(line, environment)

    def _shell(self, line: str, environment: dict[str, str]) -> Said:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}  # no reader sets this
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.pytester.path,
            env={**own, "PATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Said(done.stdout, done.returncode)

    def _serve(self, options: Sequence[str]) -> Said:
        flags = main.commands["stand-in"].make_context("stand-in", [*options]).params
        port, host = flags.pop("port"), flags.pop("host")
        assert not flags.pop("as_json")
        assert not flags.pop("allow_host")
        assert flags.pop("dialect") == "fakegpt"
        self._here(f"http://localhost:{port}")
        self._stand_in.close()
        serving = serve_in_thread(stand_in._options(flags), host=host, port=self._ports[f"http://localhost:{port}"])
        running = self._stand_in.enter_context(serving)
        return Said(f"{running.name} at {running.url}\nCtrl-C stops it.\n", 0)

    def _running(self, command: str, options: Sequence[str], environment: dict[str, str]) -> Said:
        """Run the command until the page ends it; its port is this run's."""
        port = main.commands[command].make_context(command, [*options]).params["port"]
        self._here(f"http://127.0.0.1:{port}")
        whole = [sys.executable, "-m", "fakegpt_testkit", command, *options]
        whole += ["--port", str(self._ports[f"http://127.0.0.1:{port}"])]
        self._stand_in.close()
        process = self._stand_in.enter_context(
            subprocess.Popen(
                whole,
                cwd=self.pytester.path,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        self._stand_in.callback(process.kill)
        told = []
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            if line.startswith("Ctrl-C stops it"):
                return Said("".join(told), 0)
        return Said("".join(told), process.wait())

    def _installed_for_node(self, wanted: Sequence[str]) -> Said:
        """In place of an installation: the packages of the tests' lock, for what runs in this folder."""
        folder = programs.modules()
        missing = [each for each in wanted if not (folder / each).exists()]
        assert not missing, f"{missing} is not in tests/programs/package.json"
        if not (self.pytester.path / folder.name).exists():
            (self.pytester.path / folder.name).symlink_to(folder)
        return Said("", 0)

    @contextmanager
    def _live(self, options: Sequence[str]) -> Iterator[Sequence[str]]:
        """The services of the page, and pytest's options with the chat's URL."""
        with ExitStack() as running:
            if live_llm.URL in self._ports:
                running.enter_context(live_llm.serving(self._ports[live_llm.URL]))
            if any("-url=" in option for option in options):
                yield options
            else:
                yield [*options, f"--fakegpt-url={running.enter_context(serve_in_thread(Options())).url}"]

    def _pytest(self, options: Sequence[str], environment: dict[str, str]) -> Said:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            result = self.pytester.runpytest_inprocess(*options, *LEFT_OUT, syspathinsert=False, plugins=[self])
        return Said("\n".join([*result.outlines, *result.errlines]), int(result.ret))


def _named(block: Block, _: str) -> None:
    assert block.file, "the first line names no file"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def served_at(address: str, port: int) -> str:
    """This run's address in the place of the page's."""
    return f"http://{'127.0.0.1' if '127.0.0.1' in address else 'localhost'}:{port}"


def pattern(shown: str) -> str:
    """What is shown on a page, as an expression for what may be printed."""
    lines = shown.strip("\n").splitlines()
    return "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in lines)


def installed(wanted: Sequence[str]) -> Said:
    """In place of an installation: is all of it there, the extras that are named among ours?"""
    ours = distribution(OURS).metadata
    for words in wanted:
        name, _, extras = words.rstrip("]").partition("[")
        if name == OURS:
            known = set(ours.get_all("Provides-Extra") or ())
            unknown = set(filter(None, extras.split(","))) - known
            assert not unknown, f"{unknown} is none of the extras: {known}"
        elif not name.startswith("-"):
            distribution(name)
    return Said("", 0)
