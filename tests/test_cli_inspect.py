"""The commands that look: what they print, as text and as JSON, and their exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console
from support.commands import runner

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.cli import inspect, main, terminal
from fakegpt_testkit.cli.terminal import tracked
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    import click
    from click.testing import Result

STREAM = (("Content-Type", "text/event-stream"),)
EVIL = "\x1b[31mred\x07 \u202e [bold]not markup[/bold]"


def spoken(text: str, *, ended: bool = False) -> bytes:
    said = {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": [text]}, "end_turn": ended}}
    return f"data: {json.dumps(said)}\n\n".encode()


def chat(*texts: str, ending: Ending | None = None) -> Interaction:
    chunks = [Chunk(0.1 * number, spoken(text)) for number, text in enumerate(texts, 1)]
    done = Chunk(0.5, b"event: ping\ndata: now\n\n" + spoken(texts[-1], ended=True) + b"data: [DONE]\n\n")
    tape = Tape(Head(200, "OK", STREAM, at=0.01), (*chunks, done), ending or Ending(at=0.5))
    request = Request("POST", "https://chat.example/api/conversation", (), b'{"prompt": "Say hello"}')
    return Interaction(request, tape, Provenance(at="2026-01-02T03:04:05Z"))


PAGE = Interaction(Request("GET", "https://chat.example/me"), Tape(Head(404), (Chunk(0.1, b"no"),), Ending(at=0.1)))


def written(path: Path, *interactions: Interaction) -> str:
    path.write_bytes(cassettes.dumps(Cassette(interactions)))
    return str(path)


def ran(*arguments: str) -> Result:
    return runner().invoke(main, arguments)


def test_show_tells_requests_events_times_the_ending_and_the_text(tmp_path: Path) -> None:
    result = ran("show", written(tmp_path / "c.yaml", PAGE, chat("Hello", "Hello\nWorld", ending=Ending(at=5.0))))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{tmp_path / 'c.yaml'}: 2 interactions\n\n1 GET https://chat.example/me\n")
    assert "  404, 2 bytes in 1 chunk, complete after 100.0 ms\n" in result.stdout
    assert "    100.0 ms  chunk 1    + 'Hello'\n" in result.stdout
    assert "    200.0 ms  chunk 2    + '\\nWorld'\n" in result.stdout
    assert "    500.0 ms  chunk 3    ping: now\n" in result.stdout
    assert "complete after 5000.0 ms" in result.stdout
    assert "  silence of 4500.0 ms from 500.0 ms on\n" in result.stdout
    assert "  recorded 2026-01-02T03:04:05Z\n" in result.stdout
    assert result.stdout.index("  text:\n    Hello\n    World\n") < result.stdout.index("    100.0 ms  chunk 1")


def test_show_tells_what_stands_outside_the_events_and_cuts_its_lines(tmp_path: Path) -> None:
    body = b": still here\n\ndata: " + b"x" * 300 + b"\n\nnonsense\n\ndata: half"
    chunks = Chunk(0.1, b": still here\n\n"), Chunk(0.2, body[:4]), Chunk(0.3, body[4:])
    file = written(tmp_path / "c.yaml", Interaction(Request("GET", "https://a.example/"), Tape(Head(200), chunks)))
    outside = [
        f"  outside the events: {each}"
        for each in (
            "from 100.0 to 300.0 ms, comment, 2 times: still here",
            "at 300.0 ms, no field of an event: nonsense",
            "at 300.0 ms, left at the end: half",
        )
    ]
    shown = ran("show", file).stdout.splitlines()
    assert shown[-3:] == outside
    assert max(map(len, shown[3:])) <= 126
    assert ran("replay", file, "--pace", "0").stdout.splitlines()[-3:] == outside


def test_show_tells_what_came_in_place_of_a_head(tmp_path: Path) -> None:
    came = Tape(Head(0), (Chunk(0.0, b"SSH-2.0 \x1b[2J\r\n"),), Ending(EndingKind.MALFORMED, 0.0, "head"))
    shown = ran("show", written(tmp_path / "c.yaml", Interaction(Request("GET", "https://a.example/x"), came))).stdout
    assert "no answer, 14 bytes in 1 chunk, malformed (head)" in shown
    assert r"in place of an answer's head: b'SSH-2.0 \x1b[2J\r\n'" in shown


def test_show_can_be_asked_for_one_interaction(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", PAGE, chat("Hello"))
    assert "GET" not in ran("show", file, "--number", "2").stdout
    none = ran("show", file, "--number", "3")
    assert (none.exit_code, none.stderr) == (2, f"Error: {file} has 2 interactions; there is no number 3\n")


def test_show_as_json_is_everything(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", PAGE, chat("Hello 👍"))
    said = json.loads(ran("show", file, "--json").stdout)
    assert said["path"] == file
    assert [each["text"] for each in said["interactions"]] == ["", "Hello 👍"]
    assert said["interactions"][1]["events"][0]["data"] == spoken("Hello 👍").decode()[6:-2]


def test_show_writes_the_page(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", chat("Hello"))
    result = ran("show", file, "--html", str(tmp_path / "out" / "page.html"))
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'out' / 'page.html'} is written\n")
    assert (tmp_path / "out" / "page.html").read_text().startswith("<!DOCTYPE html>")
    both = ran("show", file, "--json", "--html", str(tmp_path / "page.html"))
    assert json.loads(both.stdout)["path"] == file
    assert (tmp_path / "page.html").exists()


def test_nothing_in_a_cassette_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    evil = chat(EVIL)
    evil = replace(evil, request=replace(evil.request, uri=f"https://a.example/{EVIL}"), provenance=Provenance(EVIL))
    evil = replace(evil, response=replace(evil.response, ending=Ending(EndingKind.RESET, 0.6, EVIL)))
    file = written(tmp_path / "c.yaml", evil)
    for command in (["show", file], ["replay", file, "--pace", "0"], ["check", file], ["diff", file, file]):
        result = ran(*command)
        assert result.exit_code in {0, 1}
        assert not {"\x1b", "\x07", "\u202e"} & set(result.output)
    assert "\\x1b[31mred\\x07 \ufffd [bold]not markup[/bold]" in ran("replay", file, "--pace", "0").stdout


def test_replay_prints_the_text_at_the_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("fakegpt_testkit.cli.inspect.time", clock)
    file = written(tmp_path / "c.yaml", PAGE, chat("Hello", "Hello World"), chat("Again"))
    assert ran("replay", file, "--pace", "lockstep").stdout == "Hello World\nAgain\n"
    assert sum(slept) == 0
    assert ran("replay", file, "--pace", "0.5", "--number", "2").stdout == "Hello World\n"
    assert sum(slept) == pytest.approx(0.25)
    slept.clear()
    assert ran("replay", file, "--number", "3").stdout == "Again\n"
    assert sum(slept) == pytest.approx(0.5)


def test_replay_breaks_a_text_between_words_and_cuts_an_event_where_the_terminal_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "every word of this is whole on one of the lines"
    pieces = [words[: end + 1] for end in range(len(words))]  # a letter an event
    other = Tape(Head(200, "OK", STREAM), (Chunk(0.1, b"data: " + b"x" * 70 + b"\n\n"),))
    file = written(tmp_path / "c.yaml", chat(*pieces), Interaction(Request("GET", "https://a.example/"), other))
    seen = io.StringIO()
    out = Console(file=seen, width=30, soft_wrap=False, force_terminal=True, color_system=None)
    monkeypatch.setattr(inspect, "console", lambda *, wrap: out if wrap else None)
    assert ran("replay", file, "--pace", "0").exit_code == 0
    shown = seen.getvalue().splitlines()
    assert [line.rstrip() for line in shown[:2]] == ["every word of this is whole on", "one of the lines"]
    assert "x" * 29 + "…" in shown
    assert max(len(line.rstrip()) for line in shown) <= 30


def test_show_has_the_text_first_and_no_line_of_a_chat_beyond_the_terminals_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "every word of this answer is whole on one of its lines, [red]and " + "x" * 60 + "\n\n" + "日本語" * 10
    file = written(tmp_path / "c.yaml", chat(text), chat("日本語" * 10))
    seen = io.StringIO()
    out = Console(file=seen, width=60, soft_wrap=True, force_terminal=True, color_system=None)
    assert text.splitlines()[0] in ran("show", file).stdout, "a pipe gets the lines as they are"
    monkeypatch.setattr(inspect, "console", lambda: out)
    assert ran("show", file).exit_code == 0
    lines = seen.getvalue().splitlines()
    at = lines.index("  text:") + 1
    assert lines[at : at + 7] == [
        "    every word of this answer is whole on one of its lines,",
        "    [red]and",
        "    " + "x" * 56,
        "    " + "x" * 4,
        "    ",
        "    " + "日本語" * 9 + "日",
        "    本語",
    ]
    assert max(map(cell_len, (line for line in lines[at:] if "http" not in line))) <= 60


def test_replay_says_how_a_broken_stream_ended(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", chat("Hello", ending=Ending(EndingKind.RESET, 0.6, "ECONNRESET")))
    assert ran("replay", file, "--pace", "0").stdout == "Hello\n[reset (ECONNRESET) after 600.0 ms]\n"


def test_replay_prints_the_events_of_other_streams(tmp_path: Path) -> None:
    tape = Tape(Head(200, "OK", STREAM), (Chunk(0.0, b"data: one\n\ndata: two\n\n"),))
    file = written(tmp_path / "c.yaml", Interaction(Request("GET", "https://a.example/"), tape))
    assert ran("replay", file).stdout == "one\ntwo\n\n"


def test_replay_as_json_waits_for_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", PAGE, chat("Hello", ending=Ending(at=3600.0)))
    said = json.loads(ran("replay", file, "--json").stdout)
    assert said == {"path": file, "streams": [{"number": 2, "text": "Hello", "events": 4}]}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["replay", "none.yaml"], "no such cassette\n  to record it: pytest TESTS", id="no file"),
        pytest.param(["replay", "page.yaml"], "page.yaml has no event stream", id="no stream"),
        pytest.param(["replay", "page.yaml", "--pace", "soon"], "pace is 'soon'; wanted:", id="no pace"),
        pytest.param(["show", "bad.yaml"], "bad.yaml, line 1: not a cassette", id="no cassette"),
        pytest.param(["check", "nowhere"], "no such cassette", id="no folder"),
        pytest.param(["diff", "page.yaml", "none.yaml"], "no such cassette", id="nothing to compare with"),
    ],
)
def test_trouble_is_a_text_without_a_traceback_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(Path("page.yaml"), PAGE)
    Path("bad.yaml").write_text("- 1\n")
    result = ran(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_check_finds_in_files_and_folders_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    good = written(tmp_path / "good.yaml", chat("Hello"))
    written(tmp_path / "deep" / "cut.yml", chat("Hello", ending=Ending(EndingKind.EOF, 1.0)))
    (tmp_path / "deep" / "er" / "bad.yaml").write_text("no")
    (tmp_path / "deep" / "notes.txt").write_text("no cassette")
    assert ran("check", good).stdout == "1 cassette, 0 findings\n"
    result = ran("check", str(tmp_path), good)
    assert result.exit_code == 1
    assert (
        f"{tmp_path / 'deep' / 'cut.yml'}, interaction 1: cut-off: the response ended as eof, after " in result.stdout
    )
    assert f"{tmp_path / 'deep' / 'er' / 'bad.yaml'}: unreadable: " in result.stdout
    assert result.stdout.endswith("3 cassettes, 2 findings\n")
    allowed = ran("check", str(tmp_path), "--allow", "cut-off", "--allow", "unreadable")
    assert (allowed.exit_code, allowed.stdout) == (0, "3 cassettes, 0 findings\n")


def test_check_knows_what_a_suite_redacts_and_keeps(tmp_path: Path) -> None:
    asked = replace(chat("Hello").request, headers=(("X-Company", "acme"), ("X-Api-Key", "9f8e7d6c5b4a39281706")))
    file = written(tmp_path / "c.yaml", replace(chat("Hello"), request=asked))
    assert "header X-Api-Key holds" in ran("check", file).stdout
    assert ran("check", file, "--keep", "x-api-key").exit_code == 0
    assert "header X-Company holds" in ran("check", file, "--keep", "x-api-key", "--name", "x-company").stdout
    assert "the request's body holds" in ran("check", file, "--keep", "x-api-key", "--pattern", "Say h.llo").stdout
    wrong = ran("check", file, "--keep", "no-such-name")
    assert (wrong.exit_code, "no-such-name" in wrong.stderr) == (2, True)


def test_check_knows_the_age(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", chat("Hello"))
    said = ran("check", file, "--max-age", "30", "--json")
    (finding,) = json.loads(said.stdout)["findings"]
    assert (said.exit_code, finding["kind"], finding["interaction"], finding["path"]) == (1, "stale", 1, file)
    assert ran("check", file, "--max-age", "100000").exit_code == 0


def test_diff_is_0_for_the_same_1_for_a_difference(tmp_path: Path) -> None:
    one = written(tmp_path / "one.yaml", chat("Hello"))
    other = written(tmp_path / "other.yaml", chat("Hello there"))
    gone = written(tmp_path / "gone.yaml", chat("Hello"), PAGE)
    assert (ran("diff", one, one).exit_code, ran("diff", one, one).stdout) == (0, "same: 0 differences\n")
    text = ran("diff", one, other)
    assert text.exit_code == 1
    assert text.stdout.startswith("harmless 1 POST /api/conversation: the answer's text differs: from character 6 on")
    assert ran("diff", one, other, "--fail-on", "added").exit_code == 0
    assert ran("diff", gone, one, "--fail-on", "broken").exit_code == 1
    said = json.loads(ran("diff", gone, one, "--json").stdout)
    assert said == {
        "severity": "broken",
        "differences": [{"severity": "broken", "number": 2, "in": "GET /me", "text": "the request is gone"}],
    }


def commands() -> list[tuple[str, click.Command]]:
    return sorted(main.commands.items())


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_the_help_of_each_command_has_an_example_that_is_one(name: str, command: click.Command) -> None:
    shown = ran(name, "--help")
    assert shown.exit_code == 0
    _, _, examples = shown.stdout.partition("  Example:\n")
    lines = [line.split() for line in examples.partition("\n\n")[0].splitlines()]
    assert lines
    for line in lines:
        words = list(dropwhile(lambda word: re.match(r"[A-Z_]+=", word), line))  # variables may stand before it
        assert words[:2] == ["fakegpt-testkit", name]
        options = {word for word in words if word.startswith("--") and word != "--"}
        assert options <= {option for parameter in command.params for option in parameter.opts}


def test_results_have_their_json() -> None:
    assert [name for name, command in commands() if not any("--json" in each.opts for each in command.params)] == []


def test_the_shell_completes_commands_and_their_choices() -> None:
    environment = {
        **os.environ,
        "_FAKEGPT_TESTKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": "fakegpt-testkit diff --fail-on b",
        "COMP_CWORD": "3",
    }
    command = [str(Path(sys.executable).with_name("fakegpt-testkit"))]
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert completed.stdout == "plain,broken\n"


def test_an_ascii_terminal_gets_an_emoji_as_its_code_and_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", chat("Hello 👍"))
    command = [sys.executable, "-m", "fakegpt_testkit", "replay", file, "--pace", "0"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ascii_only = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert ascii_only.stdout == b"Hello \\U0001f44d\n"
    reader, writer = os.pipe()
    os.close(reader)
    for words in (command, [*command, "--json"]):
        closed = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, check=False)
        assert (closed.returncode, closed.stderr) == (1, b"")
    os.close(writer)


@pytest.mark.parametrize(
    ("words", "doing"),
    [
        (["show", "c.yaml"], "reading"),
        (["show", "c.yaml", "--html", "c.html"], "drawing"),
        (["diff", "c.yaml", "c.yaml"], "comparing"),
        (["check", "c.yaml"], "checking"),
        (["scrub", "c.yaml"], "scrubbing"),
        (["convert", "c.yaml"], "converting"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_one_file_that_takes_long_is_shown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], doing: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TERM", "xterm")
    written(tmp_path / "c.yaml", chat(*map(str, range(300))))
    monkeypatch.setattr(terminal, "_PATIENCE", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = ran(*words)
    assert (shown.exit_code, doing in shown.stderr, doing in shown.stdout) == (0, True, False)
    monkeypatch.delenv("FORCE_COLOR")
    assert ran(*words).stderr == ""


def test_progress_is_shown_on_a_terminal_after_a_second_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(tracked(range(3), "checking")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
    for _ in tracked(range(3), "checking"):
        time.sleep(0.4)
    out, shown = capsys.readouterr()
    assert out == ""
    assert "checking" in shown
    monkeypatch.delenv("FORCE_COLOR")
    for _ in tracked(range(3), "checking"):
        time.sleep(0.4)
    assert capsys.readouterr() == ("", "")
