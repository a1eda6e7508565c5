"""The demo: the whole way, with the network really closed, wherever and however it is started."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import click
import pytest
from rich.console import Console
from support.commands import runner

from fakegpt_testkit.cli import main
from fakegpt_testkit.cli.demo import _try
from fakegpt_testkit.cli.terminal import Telling
from fakegpt_testkit.errors import NetworkBlocked
from fakegpt_testkit.fakegpt import demo
from fakegpt_testkit.recorder import load_cassette

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

COMMAND = [sys.executable, "-m", "fakegpt_testkit", "demo"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "OPTIONS", replace(demo.OPTIONS, delay=0.0))


@pytest.mark.parametrize("size", [1, 3, 7, 1000], ids="pieces of {}".format)
def test_a_text_in_pieces_is_broken_between_words_where_the_terminal_ends(size: int) -> None:
    text = "A stream is a promise 😀😀 kept one chunk\nat a time, howeverlongthewordsofitmaybe. End"
    out = Console(file=io.StringIO(), width=20, soft_wrap=False, force_terminal=True, color_system=None)
    telling = Telling(out, "")
    for at in range(0, len(text), size):
        telling(text[at : at + size])
    telling.end()
    printed = cast("io.StringIO", out.file).getvalue()
    assert printed.split() == text.split()
    assert [line.rstrip() for line in printed.split("\n")] == [
        "A stream is a",
        "promise 😀😀 kept",
        "one chunk",
        "at a time,",
        "howeverlongthewordsofitmaybe.",
        "End",
    ]


def test_a_pipe_gets_the_pieces_as_they_come() -> None:
    out = Console(file=io.StringIO(), width=5, soft_wrap=True)
    telling = Telling(out, "")
    telling("one two thr")
    assert cast("io.StringIO", out.file).getvalue() == "one two thr"


def test_on_a_terminal_no_line_but_the_path_is_longer_than_it_is_wide() -> None:
    leader, follower = pty.openpty()
    narrow = {**os.environ, "COLUMNS": "50", "TERM": "xterm"}
    with os.fdopen(leader, "rb", buffering=0) as told:
        running = subprocess.Popen(COMMAND, stdout=follower, env=narrow)
        os.close(follower)
        said = b""
        with suppress(OSError):  # how Linux ends the reading when the program closed the other side
            while data := told.read(4096):
                said += data
        assert running.wait() == 0
    lines = re.sub(r"\x1b\[[\d;]*m|\r", "", said.decode()).split("\n")
    assert [line for line in lines if len(line) > 50 and not line.startswith("The cassette: ")] == []
    assert len(lines) > 20


def test_it_records_closes_the_network_and_replays_chunk_for_chunk(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    ran = subprocess.run(
        [*COMMAND, "--cassette", "my cassettes/demo.yaml"],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    for step in ("GET  /api/loads", "POST /auth/login", "GET  /api/auth/session", "POST /api/conversation"):
        assert re.search(rf"  \d {step} +200  ", ran.stdout)
    assert "was refused: the network is closed" in ran.stdout
    assert "The cassette: my cassettes/demo.yaml" in ran.stdout
    assert "\x1b" not in ran.stdout
    *_, asked = load_cassette(folder / "my cassettes" / "demo.yaml").interactions
    assert re.search(rf"\nchunks +{len(asked.response.chunks)} +{len(asked.response.chunks)} *\n", ran.stdout)
    assert ran.stdout.count("C'est tout 🎉") == 2


def test_it_has_colours_on_a_terminal_and_none_of_the_answer_is_lost(tmp_path: Path) -> None:
    main_end, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm-256color"}
    with subprocess.Popen([*COMMAND, "--cassette", tmp_path / "c.yaml"], stdout=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        try:
            while data := os.read(main_end, 65536):
                shown += data
        except OSError:  # Linux's way to say that nobody writes to it any more
            pass
    os.close(main_end)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    assert "🎉" in shown.decode()


@pytest.mark.usefixtures("quick")
def test_without_a_place_it_makes_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = runner().invoke(main, ["demo"])
    assert ran.exit_code == 0
    (cassette,) = tmp_path.glob("fakegpt-demo-*/demo.yaml")
    assert f"The cassette: {cassette}" in ran.stdout


@pytest.mark.usefixtures("quick")
def test_for_programs_it_prints_the_result_alone(tmp_path: Path) -> None:
    ran = runner().invoke(main, ["demo", "--json", "--cassette", str(tmp_path / "c.yaml")])
    said = json.loads(ran.stdout)
    assert (ran.exit_code, said["cassette"], said["differences"]) == (0, str(tmp_path / "c.yaml"), [])
    assert [each["status"] for each in said["requests"]] == [200] * 4
    assert said["text"].endswith("C'est tout 🎉")
    assert said["chunks"] == len(load_cassette(said["cassette"]).interactions[-1].response.chunks)
    assert all(0 < each["first"] <= each["total"] for each in said["seconds"].values())


@pytest.mark.usefixtures("quick")
def test_a_replay_that_differs_is_said_and_ends_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chunks_replayed = demo.chunks_replayed
    monkeypatch.setattr(demo, "chunks_replayed", lambda runner, path: chunks_replayed(runner, path)[:-1])
    ran = runner().invoke(main, ["demo", "--cassette", str(tmp_path / "c.yaml")])
    assert ran.exit_code == 1
    assert "Error: the replay is not what was recorded\n  the stream came in other chunks: live " in ran.stderr
    assert "is nothing" in ran.stderr


@pytest.mark.usefixtures("quick")
def test_a_cassette_that_cannot_be_written_is_a_text_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = runner().invoke(main, ["demo", "--cassette", str(tmp_path / "file" / "c.yaml")])
    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: ")
    assert "Traceback" not in ran.output


def test_differences_say_which_piece_and_how_many() -> None:
    heard = demo.DemoAnswer(("a", "b"), 0.1, 0.2)
    live = demo.Recorded(heard, (), (b"1", b"2"))
    assert demo.differences(live, heard, chunks=(b"1", b"2")) == []
    assert demo.differences(live, demo.DemoAnswer(("a", "c"), 0, 0), chunks=(b"1", b"2", b"3")) == [
        "the text came in other pieces: live 2, replayed 2; number 2 was 'b' and is 'c'",
        "the stream came in other chunks: live 2, replayed 3; number 3 was nothing and is b'3'",
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "192.0.2.1", "host.example"])
def test_a_closed_network_has_no_way_out_and_none_to_this_machine(host: str) -> None:
    refused: list[NetworkBlocked] = []

    def work() -> None:
        for use in (socket.create_connection, old.connect, lambda address: old.sendto(b"x", address)):
            try:
                use((host, 9))
            except NetworkBlocked as error:
                refused.append(error)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as old, demo.network_closed():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(refused) == 3


def test_the_demo_does_not_take_a_network_for_closed_that_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(click.ClickException, match="could still be reached: the network was not closed"):
            _try(url)


def test_an_opened_network_is_open() -> None:
    with demo.network_closed():
        pass
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
