"""The command that verifies cassettes without the tests that recorded them."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support.commands import interrupted, runner, written
from support.servers import CLOSE, Asked, serve

from fakegpt_testkit import use_cassette
from fakegpt_testkit.cli import main
from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Request, Tape
from fakegpt_testkit.fakegpt.conversation import request_body
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, StepRefusal, serve_in_thread
from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from support.servers import Answers, Server

pytestmark = pytest.mark.once

LIVE = "https://api.example"
JSON = ("Content-Type", "application/json")


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def ran(*arguments: str | Path) -> Result:
    return runner().invoke(main, ["verify", *map(str, arguments)])


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A cassette with two questions of one login."""
    path = tmp_path / "flow.yaml"
    with serve_in_thread(Options(text="Hello there")) as service:
        provider: type[FakeGpt] = type("Provider", (FakeGpt,), {"url": service.url})
        with use_cassette(path, record_mode="once", origins={service.url: FakeGpt.url}):
            for prompt in ("Say hello", "Say it 👍 again"):
                assert [*provider.create_completion("gpt-9", [{"role": "user", "content": prompt}])]
    return path


@contextmanager
def serving(answers: Answers) -> Iterator[Server]:
    with loop_in_a_thread("server") as call:
        running = serve(answers)
        server = call(running.__aenter__())
        try:
            yield server
        finally:
            call(running.__aexit__(None, None, None))


def exchange(method: str, path: str, answer: bytes, *headers: tuple[str, str], body: bytes = b"") -> Interaction:
    head = Head(200, "OK", (("Content-Length", str(len(answer))), JSON))
    return Interaction(Request(method, f"{LIVE}{path}", headers, body), Tape(head, (Chunk(0.0, answer),)))


def answered(body: bytes) -> tuple[bytes]:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
    return (head.encode() + body,)


# --- FakeGpt ---


def test_a_flow_is_asked_with_a_login_of_its_own_and_not_written(flow: Path) -> None:
    before = flow.read_bytes()
    with serve_in_thread(Options(text="Hello there")) as service:
        said = ran(flow, "--url", service.url)
        asked = [json.loads(each.body) for each in service.requests if each.method == "POST" and b"{" in each.body]
        logins = [each for each in service.requests if each.uri.endswith("/auth/login")]
    assert (said.exit_code, said.output) == (0, "5 answers of 1 cassette verified: 1 same\n")
    assert [each["messages"][0]["content"]["parts"] for each in asked] == [["Say hello"], ["Say it 👍 again"]]
    assert {each["model"] for each in asked} == {"gpt-9"}
    assert len(logins) == 1
    assert flow.read_bytes() == before


GONE = "events of the kind message of assistant: fields gone: message.weight"


def test_drift_is_told_in_each_form_and_ends_with_1(flow: Path, tmp_path: Path) -> None:
    with serve_in_thread(Options(text="Hello", drift=frozenset({"gone-field"}))) as service:
        text = ran(flow, "--url", service.url, "--report", "out/drift.md")
        asjson = ran(flow, "--url", service.url, "--json", "--fail-on", "never")
        loud = ran(flow, "--url", service.url, "-v")
    assert text.exit_code == loud.exit_code == 1
    assert text.stdout.splitlines() == [
        "flow.yaml: broken",
        f"  broken   4 POST /api/conversation: {GONE}",
        f"  broken   5 POST /api/conversation: {GONE}",
        f"  if your program copes with it, record it again: fakegpt-testkit record PROMPT --cassette {flow}",
        "5 answers of 1 cassette verified: 1 broken",
    ]
    assert (tmp_path / "out/drift.md").read_text().startswith("## Drift: broken\n\n5 answers of 1 cassette verified")
    assert "  harmless 4 POST /api/conversation: the answer's text differs: from character 6 on" in loud.stdout
    said = json.loads(asjson.stdout)
    assert asjson.exit_code == 0
    assert (said["severity"], said["compared"], said["cassettes"][0]["cassette"]) == ("broken", 5, "flow.yaml")


@pytest.mark.parametrize(("fail_on", "code"), [("broken", 0), ("added", 1), ("harmless", 1), ("never", 0)])
def test_the_threshold_decides(flow: Path, fail_on: str, code: int) -> None:
    with serve_in_thread(Options(text="Hello there", drift=frozenset({"new-field"}))) as service:
        assert ran(flow, "--url", service.url, "--fail-on", fail_on).exit_code == code


def test_a_flow_that_is_refused_has_drifted(flow: Path) -> None:
    with serve_in_thread(Options(refusal=StepRefusal("conversation", 429))) as service:
        said = ran(flow, "--url", service.url)
    assert said.exit_code == 1
    assert "broken   4 POST /api/conversation: status 200, now 429" in said.stdout
    assert "broken   4 POST /api/conversation: content type text/event-stream, now application/json" in said.stdout


def test_nobody_at_the_address_is_said_once_and_ends_with_2(flow: Path) -> None:
    with serve_in_thread() as service:
        url = service.url
    said = ran(flow, "--url", url)
    assert said.exit_code == 2
    first, *requests = said.stdout.splitlines()
    assert first == "flow.yaml: not verified"
    assert requests[0].startswith("  not asked: 1 GET /api/loads, 2 POST /auth/login, 3 GET /api/auth/session, 4 POST")
    assert f" - {url} could not be reached: Cannot connect to host " in requests[0]
    assert requests[1:] == ["0 answers of 1 cassette verified: 1 not verified"]


def test_a_question_with_a_redacted_secret_cannot_be_asked(tmp_path: Path) -> None:
    body = request_body(
        [{"role": "user", "content": "my key is REDACTED-key-1"}], message_id="m", parent_message_id="p"
    )
    question = exchange("POST", "/api/conversation", b"data: x\n\n", body=body)
    file = written(tmp_path / "a.yaml", exchange("GET", "/api/loads?t=1", b"{}"), question)
    with serving({}) as server:
        said = ran(file, "--url", server.url)
        assert server.requests == []
    assert said.exit_code == 2
    assert said.stdout.splitlines()[1:3] == [
        "  not asked: 1 GET /api/loads - it is of a flow whose question cannot be asked",
        (
            "  not asked: 2 POST /api/conversation - it holds REDACTED-key-1, in place of a secret: "
            "let its test ask, pytest --fakegpt-record-mode=verify"
        ),
    ]


# --- any other service ---


def test_other_requests_are_sent_as_they_were_recorded_in_order(tmp_path: Path) -> None:
    first = exchange(
        "POST", "/v1/ask%20it?a=%2F&b", b'{"a": 1}', JSON, ("X-One", "1"), ("Accept", "a/b"), body=b'{"q": 1}'
    )
    second = exchange("DELETE", "/v1/it", b"{}", ("Host", "api.example"), ("Accept-Encoding", "rot13"))
    strange = exchange("POST", "/api/conversation", b"{}", body=b"no JSON")
    other = exchange("POST", "/api/conversation", b"{}", body=b'{"messages": []}')
    file = written(tmp_path / "a.yaml", first, second, strange, other)
    moved = (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n{}",)
    same = answered(b"{}")
    answers = {"/v1/ask%20it": answered(b'{"a": "1"}'), "/v1/it": moved, "/api/conversation": same}
    with serving(answers) as server:
        said = ran(file, "--url", server.url)
        asked = list(server.requests)
    assert [(each.method, each.target, each.body) for each in asked] == [
        ("POST", "/v1/ask%20it?a=%2F&b", b'{"q": 1}'),
        ("DELETE", "/v1/it", b""),
        ("POST", "/api/conversation", b"no JSON"),
        ("POST", "/api/conversation", b'{"messages": []}'),
    ]
    assert (asked[0].header("X-One"), asked[0].header("Accept"), asked[0].header("User-Agent")) == ("1", "a/b", None)
    assert asked[1].header("Host") == server.url.partition("//")[2]
    assert "rot13" not in (asked[1].header("Accept-Encoding") or "")
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        "a.yaml: broken",
        "  broken   1 POST /v1/ask%20it: the body: a is of another type: number, now text",
        "  broken   2 DELETE /v1/it: status 200, now 302",
        "  broken   2 DELETE /v1/it: content type application/json, now none",
        "  if your program copes with it, record it again: pytest TESTS --fakegpt-record-mode=all",
        "4 answers of 1 cassette verified: 1 broken",
    ]


def test_what_was_redacted_is_asked_only_when_it_is_given_and_shown_nowhere(tmp_path: Path) -> None:
    first, last = "q8Rt5Kx2Wm9Zp4Lc7Vb1", "hush-hush-1234"
    secret = f"{first}; {last}"
    needs = exchange("GET", "/needs", b"{}", ("X-Tenant", "REDACTED-x-tenant-1"))
    file = written(tmp_path / "a.yaml", needs, exchange("GET", "/open", b"{}"))

    def echoes(asked: Asked) -> tuple[bytes]:
        return answered(json.dumps({asked.header("X-Tenant"): 1}).encode())

    with serving({"/needs": echoes, "/open": answered(b"{}")}) as server:
        without = ran(file, "--url", server.url)
        assert [each.target for each in server.requests] == ["/open"]
        given = ran(file, "--url", server.url, "--header", f"X-Tenant: {secret}", "-v", "--fail-on", "added")
        assert [each.header("X-Tenant") for each in server.requests][1] == secret
    assert without.exit_code == 2
    assert (
        "  not asked: 1 GET /needs - it holds REDACTED-x-tenant-1, in place of a secret: "
        "give it anew, --header 'X-Tenant: …'"
    ) in without.stdout
    assert given.exit_code == 1
    assert "added    1 GET /needs: the body: new fields: REDACTED-" in given.stdout
    assert first not in given.output
    assert last not in given.output


def test_a_service_that_leaves_is_compared_and_one_that_is_gone_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.yaml", exchange("GET", "/a", b"{}"), exchange("GET", "/b", b"{}"))
    with serving({"/a": (CLOSE,), "/b": answered(b"{}")}) as server:
        leaving = ran(file, "--url", server.url)
        assert [each.target for each in server.requests] == ["/a", "/b"]
        url = server.url
    gone = ran(file, "--url", url)
    assert (leaving.exit_code, gone.exit_code) == (1, 2)
    assert "broken   1 GET /a: status 200, now 0" in leaving.stdout
    assert f"not asked: 1 GET /a, 2 GET /b - {url} could not be reached: " in gone.stdout


def test_what_no_client_can_send_is_named_and_the_others_are_asked(tmp_path: Path) -> None:
    file = written(tmp_path / "a.yaml", exchange("G ET", "/a", b"{}"), exchange("GET", "/b", b"{}"))
    with serving({"/b": answered(b"{}")}) as server:
        said = ran(file, "--url", server.url)
    assert said.exit_code == 2
    assert "not asked: 1 G ET /a - it cannot be sent: " in said.stdout


def test_a_service_that_gave_no_answer_and_gives_none_now_has_not_drifted(tmp_path: Path) -> None:
    left = replace(exchange("GET", "/a", b"{}"), response=Tape(Head(0), (), Ending(EndingKind.EOF, 0.1)))
    file = written(tmp_path / "a.yaml", left, exchange("GET", "/b", b"{}"))
    with serving({"/a": (CLOSE,), "/b": answered(b"{}")}) as server:
        said = ran(file, "--url", server.url, "--fail-on", "added")
    assert (said.exit_code, said.stdout.splitlines()[-1]) == (0, "2 answers of 1 cassette verified: 1 same")


def test_without_a_url_the_recorded_service_is_asked(tmp_path: Path) -> None:
    with serving({"/a": answered(b"{}")}) as server:
        here = Request("GET", f"{server.url}/a")
        there = exchange("GET", "/a", b"{}")
        both = written(tmp_path / "both.yaml", Interaction(here, there.response), there)
        file = written(tmp_path / "a.yaml", Interaction(here, there.response))
        empty = written(tmp_path / "empty.yaml")
        assert (ran(file).exit_code, len(server.requests)) == (0, 1)
        refused = ran(both, "--url", server.url)
        nothing = ran(empty, "--url", server.url)
        assert len(server.requests) == 1
    assert refused.exit_code == 2
    assert "wanted: none for " in refused.stderr
    assert f"which has requests to {server.url}, {LIVE}" in refused.stderr
    assert (nothing.exit_code, nothing.stdout) == (0, "0 answers of 1 cassette verified: 1 not verified\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "localhost:8000"], "--url is 'localhost:8000'; wanted: a URL such as http://localhost:8080"),
        (["--url", "http://["], "--url is 'http://['; wanted: a URL such as http://localhost:8080"),
        (["--url", "http://a.example:99999"], "--url is 'http://a.example:99999'; wanted: a URL"),
        (["--proxy", "localhost:3128"], "--proxy is 'localhost:3128'; wanted: a URL such as http://localhost:8080"),
        (["--report", "drift.html"], "wanted: a name that ends in .md, .json, .txt"),
        (["--header", "no colon"], "wanted 'Name: value', got 'no colon'"),
        (["missing.yaml"], "missing.yaml"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_asked(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = ran(written(tmp_path / "a.yaml"), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_on_a_terminal_it_says_what_it_is_asking(flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(force_terminal=True, width=200, file=io.StringIO())
    module = import_module("fakegpt_testkit.cli.verify")  # the package's attribute of that name is the command
    monkeypatch.setattr(module, "progress_console", lambda: terminal)
    with serve_in_thread(Options(text="Hi", delay=0.1)) as service:
        said = ran(flow, "--url", service.url)
    assert isinstance(terminal.file, io.StringIO)
    assert "flow.yaml: asking 'Say it 👍 again'" in terminal.file.getvalue()
    assert said.stdout == "5 answers of 1 cassette verified: 1 harmless\n"


@pytest.mark.usefixtures("ctrl_c_counts")
def test_ctrl_c_leaves_everything_as_it_was(flow: Path) -> None:
    before = flow.read_bytes()
    with serve_in_thread(Options(ending="stall")) as service:
        stopped = interrupted("verify", flow, "--url", service.url, when=lambda: service.streams)
    assert stopped == (1, "", "Aborted!")
    assert flow.read_bytes() == before
