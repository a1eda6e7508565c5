"""The command that runs the stand-in, over real sockets and real signals."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

import pytest
from support.commands import runner
from support.patience import PATIENCE

from fakegpt_testkit.cli import main
from fakegpt_testkit.cli.stand_in import _options, stand_in_command
from fakegpt_testkit.errors import StepRefused
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, OtherAnswer, StepRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = [{"role": "user", "content": "Say hello"}]


@contextmanager
def running(*flags: str) -> Iterator[tuple[type[FakeGpt], subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "fakegpt_testkit", "stand-in", "--port", "0", "--json", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "}\n")
            ready = json.loads("".join(lines) + "}")
            yield type("Provider", (FakeGpt,), {"url": ready["url"]}), process
        finally:
            process.kill()


async def test_it_answers_as_its_flags_say_and_stops_cleanly_on_ctrl_c() -> None:
    flags = ["--text", "Bonjour 🎉", "--noise", "ping", "--noise", "system", "--newline", "crlf", "--cuts", "byte"]
    with running(*flags) as (provider, process):
        assert await provider.create_async("", QUESTION) == "Bonjour 🎉"
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=PATIENCE)
    assert (process.returncode, problems) == (0, "")


async def test_it_refuses_what_it_is_told_to(tmp_path: Path) -> None:
    flags = ["--refuse", "login", "--refuse-status", "503", "--refuse-detail", "closed today"]
    with running(*flags) as (provider, _), pytest.raises(StepRefused, match="login with status 503: closed today"):
        await provider.create_async("", QUESTION)


async def test_it_sends_the_stream_of_a_file(tmp_path: Path) -> None:
    said = {"message": {"author": {"role": "assistant"}, "content": {"parts": ["As it is"]}, "end_turn": True}}
    (tmp_path / "stream").write_bytes(f"data: {json.dumps(said)}\n\ndata: [DONE]\n\n".encode())
    with running("--body", str(tmp_path / "stream")) as (provider, _):
        assert await provider.create_async("", QUESTION) == "As it is"


def test_a_port_in_use_is_a_text_and_ends_with_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = runner().invoke(main, ["stand-in", "--port", str(taken.getsockname()[1])])
    assert ran.exit_code == 2
    assert "address already in use" in ran.stderr


def test_an_option_that_means_nothing_is_a_text_and_ends_with_2() -> None:
    ran = runner().invoke(main, ["stand-in", "--busy", "9"])
    assert (ran.exit_code, ran.stderr) == (
        2,
        "Error: busy is 9; wanted: at most the 3 accounts\n",
    )


def test_the_flags_are_the_options_and_have_their_defaults() -> None:
    flags = {parameter.name: parameter for parameter in stand_in_command.params}
    fields = {field.name for field in dataclasses.fields(Options)} - {"refusal"}
    assert fields <= flags.keys()
    assert {f"refuse_{field.name}" for field in dataclasses.fields(StepRefusal)} - {"refuse_step"} <= flags.keys()
    assert options() == Options()
    given = ["--newline", "crlf", "--noise", "ping", "--noise", "echo", "--refuse", "login", "--refuse-times", "2"]
    assert options(*given) == Options(
        newline="\r\n", noise=frozenset({"ping", "echo"}), refusal=StepRefusal("login", times=2)
    )


def test_each_drift_is_a_flag() -> None:
    given = [word for each in get_args(OtherAnswer) for word in ("--drift", each)]
    assert options(*given) == Options(drift=frozenset(get_args(OtherAnswer)))


def options(*given: str) -> Options:
    context = stand_in_command.make_context("stand-in", list(given))
    own = ("dialect", "port", "host", "allow_host", "as_json")
    return _options({name: value for name, value in context.params.items() if name not in own})


def test_for_people_it_says_where_and_how_to_stop() -> None:
    command = [sys.executable, "-m", "fakegpt_testkit", "stand-in", "--port", "0", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "(seed 7) at http://localhost:" in process.stdout.readline()
            assert process.stdout.readline() == "Ctrl-C stops it.\n"
        finally:
            process.terminate()
    assert process.returncode == 0
