"""The command that serves cassettes, over real sockets and real signals."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from support.commands import runner
from support.patience import PATIENCE
from support.raw import raw_server
from support.servers import HOLD
from support.serving import EVENTS, FRAMED, HEAD, WHOLE, Line, recorded, request, served, server_of, write
from support.tls import authority, client_tls

from fakegpt_testkit.cassette import loads
from fakegpt_testkit.cli import main
from fakegpt_testkit.cli.serve import _settle
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import Chunk, EndingKind
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Access, Door, Recorder, certificates, health, serving
from fakegpt_testkit.serving import running as running_room

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

CHAT = recorded("POST", "/v1/chat/completions", body=b'{"model": "m"}')


@contextmanager
def running(*flags: object, **variables: str) -> Iterator[tuple[dict[str, object], subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "fakegpt_testkit", "serve", *map(str, flags)]
    environment = {**os.environ, "FAKEGPT_SERVE_PORT": "0", "FAKEGPT_SERVE_JSON": "1", **variables}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "}\n")
            yield json.loads("".join(lines) + "}"), process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_serves_until_a_signal_and_ends_in_order_while_a_stream_is_open(
    number: signal.Signals, tmp_path: Path
) -> None:
    write(tmp_path, "chat.yaml", CHAT)
    with (
        running(tmp_path, "--fault", "stall(after_event=1)") as (told, process),
        httpx.stream("POST", f"{told['url']}/v1/chat/completions", json={"model": "m"}, timeout=20) as answer,
    ):
        pieces = answer.iter_bytes()
        assert next(pieces) == EVENTS[0]
        process.send_signal(number)
        _, problems = process.communicate(timeout=PATIENCE)
        with pytest.raises(httpx.TransportError):
            next(pieces)
    assert (process.returncode, problems) == (0, "")


def test_it_tells_the_sdks_where_to_ask(tmp_path: Path) -> None:
    write(tmp_path, "chat.yaml", CHAT)
    with running(tmp_path) as (told, _):
        url = told["url"]
    assert told == {"url": url, "control": f"{url}/__fakegpt", "environment": {"OPENAI_BASE_URL": f"{url}/v1"}}


def test_an_option_may_be_a_variable_and_several_values_too(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded(), recorded(path="/more"))
    faults = "status(429, retry_after=7).on(path='/more'); status(503).on(path='/events')"
    with running(tmp_path, FAKEGPT_SERVE_FAULT=faults, FAKEGPT_SERVE_ALLOW_HOST="double other") as (told, _):
        got = [
            httpx.get(f"{told['url']}{path}", headers={"Host": host}).status_code
            for path, host in [("/events", "double"), ("/more", "other"), ("/more", "third")]
        ]
    assert got == [503, 429, 421]


def test_a_fault_speaks_the_dialect_that_was_named_and_so_does_a_miss(tmp_path: Path) -> None:
    parts = tuple(b'{"message": {"content": "%s"}}\n' % each for each in (b"Hel", b"lo"))
    chunks = tuple(Chunk(0.01 * nth, each, (len(each),)) for nth, each in enumerate(parts))
    label = (("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked"))
    write(tmp_path, "chat.yaml", recorded("POST", "/api/chat", body=b'{"model": "m"}', headers=label, chunks=chunks))
    with running(tmp_path, "--fault", "said('Bonjour')") as (told, _):
        refused = httpx.post(f"{told['url']}/api/chat", json={"model": "m"})
    assert (refused.status_code, refused.json()["type"]) == (404, "EffectMisplaced")
    assert "name one that is known, with dialect= or --dialect" in refused.json()["error"]
    with running(tmp_path, "--fault", "said('Bonjour')", "--dialect", "ollama") as (told, _):
        answer = httpx.post(f"{told['url']}/api/chat", json={"model": "m"})
        miss = httpx.post(f"{told['url']}/api/chat", json={"model": "other"})
    said = [json.loads(line)["message"]["content"] for line in answer.text.splitlines()]
    assert (answer.status_code, len(said), "".join(said)) == (200, 2, "Bonjour")
    assert (miss.status_code, miss.json()["type"]) == (404, "RequestNotRecorded")
    assert "body.model: recorded 'm', asked 'other'" in miss.json()["error"], "as text, as Ollama has it"


def test_a_certificate_of_the_run_is_trusted_by_whoever_is_told_its_file(tmp_path: Path) -> None:
    write(tmp_path, "chat.yaml", recorded())
    with running(tmp_path, "--tls", "--ca", tmp_path / "ca.pem", "--allow-host", "double") as (told, process):
        trusted = told["environment"]
        assert isinstance(trusted, dict)
        assert {*trusted} == {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
        context = ssl.create_default_context(cafile=trusted["SSL_CERT_FILE"])
        url = str(told["url"])
        assert url.startswith("https://")
        for host in ("127.0.0.1", "localhost"):
            answer = httpx.get(url.replace("127.0.0.1", host) + "/events", verify=context)
            assert answer.content == b"".join(EVENTS)
        extensions = {"sni_hostname": "double"}
        with httpx.Client(verify=context) as client:
            assert client.get(f"{url}/events", headers={"Host": "double"}, extensions=extensions).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/events")
        assert health.ask(url)[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_a_certificate_of_ones_own_is_used(tmp_path: Path) -> None:
    one = authority().issue_cert("double.example")
    one.private_key_and_cert_chain_pem.write_to_path(tmp_path / "one.pem")
    context = certificates.loaded(tmp_path / "one.pem", None)
    path = write(tmp_path, "chat.yaml", recorded())
    with served(path, door=Door(tls=context), access=Access(hosts=("double.example",))) as url:
        fields, extensions = {"Host": "double.example"}, {"sni_hostname": "double.example"}
        with httpx.Client(verify=client_tls()) as client:
            assert client.get(f"{url}/events", headers=fields, extensions=extensions).status_code == 200
    with pytest.raises(BadSetting, match="a certificate and its key"):
        certificates.loaded(path, None)


def test_who_asks_for_its_health_is_told_in_words_and_by_the_status(tmp_path: Path) -> None:
    write(tmp_path, "chat.yaml", recorded())
    with served(tmp_path) as url:
        well = runner().invoke(main, ["serve", "--health", url])
    gone = runner().invoke(main, ["serve", "--health", url])
    other = runner().invoke(main, ["serve", "--health", "localhost"])
    assert (well.exit_code, json.loads(well.stdout)["status"]) == (0, "ok")
    assert (gone.exit_code, "does not answer" in gone.stdout) == (1, True)
    assert (other.exit_code, "a URL such as" in other.stderr) == (2, True)


def test_people_find_it_at_the_same_port_and_on_this_machine_only() -> None:
    context = main.commands["serve"].make_context("serve", ["cassettes"])
    assert (context.params["port"], context.params["host"]) == (8088, "127.0.0.1")
    assert (Door().port, Door().host) == (0, "127.0.0.1")


def test_the_containers_of_the_how_to_do_what_their_file_says(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs/howto/serve-node-browser.md").read_text(encoding="utf-8")
    services = yaml.safe_load(page.partition("# compose.yaml\n")[2].partition("```")[0])["services"]
    model, app = services["model"], services["app"]
    write(tmp_path, "chat.yaml", CHAT)
    bare = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    installs, serves = shlex.split(model["command"])[2].split(" && ")
    assert installs == "pip install fakegpt-testkit"

    def healthy(port: str) -> bool:
        checks = [each.replace("8088", port) for each in model["healthcheck"]["test"][1:]]
        return subprocess.run(checks, env=bare, capture_output=True, check=False).returncode == 0

    command = shlex.split(serves.replace("/cassettes", str(tmp_path)))
    environment = bare | model["environment"] | {"FAKEGPT_SERVE_PORT": "0"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip().rpartition(":")[2]
            assert healthy(port)
            base = urlsplit(app["environment"]["OPENAI_BASE_URL"])
            asked = f"http://127.0.0.1:{port}{base.path}/chat/completions"
            assert base.netloc == "model:8088"  # the name that the file allows, the port that is the default
            assert httpx.post(asked, json={"model": "m"}, headers={"Host": base.netloc}).status_code == 200
            assert httpx.post(asked, json={"model": "m"}, headers={"Host": "other:8088"}).status_code == 421
            process.terminate()
            assert process.wait(20) == 0  # as a container is stopped
        finally:
            process.kill()
    assert not healthy(port)
    assert app["depends_on"] == {"model": {"condition": "service_healthy"}}


def test_it_fails_at_its_end_for_a_request_that_had_no_answer_where_that_is_wanted(tmp_path: Path) -> None:
    write(tmp_path, "chat.yaml", recorded())
    with running(tmp_path, "--fail-on-unmatched") as (told, process):
        httpx.put(f"{told['url']}/__fakegpt/scenarios/one", json={})
        httpx.get(f"{told['url']}/@one/nothing")
        httpx.post(f"{told['url']}/__fakegpt/reset")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 1


def test_a_line_tells_people_of_a_request_that_is_not_recorded(tmp_path: Path) -> None:
    write(tmp_path, "chat.yaml", CHAT)
    with running(tmp_path) as (told, process):
        assert httpx.post(f"{told['url']}/v1/chat/completions", json={"model": "other"}).status_code == 404
        process.send_signal(signal.SIGTERM)
        _, problems = process.communicate(timeout=PATIENCE)
    assert "POST /v1/chat/completions is not in" in problems
    assert "body.model: recorded 'm', asked 'other'" in problems


def test_a_field_that_does_not_decide_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, "chat.yaml", CHAT)
    with running(tmp_path, "--ignore", "body.model") as (told, _):
        assert httpx.post(f"{told['url']}/v1/chat/completions", json={"model": "other"}).content == b"".join(EVENTS)


def test_one_origin_of_several_can_be_served(tmp_path: Path) -> None:
    other = recorded(host="https://other.example", status=201)
    write(tmp_path, "both.yaml", recorded(), other)
    with running(tmp_path, "--origin", "https://other.example") as (told, _):
        assert httpx.get(f"{told['url']}/events").status_code == 201


def test_equal_requests_are_played_once_when_that_is_wanted(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    with running(tmp_path, "--once") as (told, _):
        assert [httpx.get(f"{told['url']}/events").status_code for _ in range(2)] == [200, 404]


def test_only_the_pages_that_are_allowed_may_read_answers(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    with running(tmp_path, "--cors", "http://app.example", "--allow-host", "double") as (told, _):
        got = [
            httpx.get(f"{told['url']}/events", headers={"Origin": origin, "Host": host}).headers.get(
                "access-control-allow-origin"
            )
            for origin, host in [("http://app.example", "double"), ("http://evil.example", "double")]
        ]
    assert got == ["http://app.example", None]


def test_a_changed_cassette_is_served_when_it_is_watched(tmp_path: Path) -> None:
    path = write(tmp_path, "some.yaml", recorded())
    with running(tmp_path, "--watch") as (told, process):
        assert process.stderr is not None
        path.write_text("no: [cassette", encoding="utf-8")
        assert "not reloaded, and served as before" in _line(process)
        assert httpx.get(f"{told['url']}/events").status_code == 200
        write(tmp_path, "some.yaml", recorded(), recorded("GET", "/more"))
        assert _line(process, "reloaded: ") == "reloaded: 2 interactions from 1 cassette\n"
        assert httpx.get(f"{told['url']}/more").status_code == 200


def test_watching_goes_on_where_a_folder_is_not_to_be_read_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    server, looked = server_of(), list[int]()

    def changed() -> bool:
        looked.append(len(looked))
        if len(looked) < 3:
            raise PermissionError("a folder")
        raise asyncio.CancelledError

    monkeypatch.setattr(server.library, "has_changed", changed)
    monkeypatch.setattr(running_room, "_LOOK", 0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(running_room._watch(server))
    assert looked == [0, 1, 2]


def _line(process: subprocess.Popen[str], begin: str = "") -> str:
    assert process.stderr is not None
    return next(line for line in process.stderr if line.startswith(begin))


SITE = "https://llm.example"
WRONG = {
    "lockstep": (["--pace", "lockstep"], "a socket does not show when its reader is ready"),
    "a pace and a gap": (["--pace", "0.5", "--gap", "5ms"], "a pace or a gap, not both"),
    "a negative pace": (["--pace", "-1"], "a factor of the recorded times"),
    "a gap without a unit": (["--gap", "fast"], "such as 5ms or 0.1s"),
    "an unknown fault": (["--fault", "explode(3)"], "the faults are"),
    "a fault that is code": (["--fault", "__import__('os').system('true')"], "a fault with its arguments"),
    "no cassette": (["--port", "0"], "which cassettes?"),
    "two certificates": (["--tls", "--cert", __file__], "give one of them"),
    "an authority for nothing": (["--ca", "ca.pem"], "--ca is for --tls"),
    "a key for nothing": (["--tls", "--key", __file__], "--key is for --cert"),
    "a mode for nothing": (["--record-mode", "rewrite"], "--record-mode is for --record"),
    "reading on for nothing": (["--after-leaving", "read"], "--after-leaving is for --record"),
    "an upstream for nothing": (["--upstream", SITE], "--upstream is for --record"),
    "a report of nothing": (
        ["--record", "--upstream", SITE, "--report", "a.md"],
        "is for --record --record-mode verify",
    ),
    "a drift of nothing": (
        ["--record", "--upstream", SITE, "--fail-on", "never"],
        "is for --record --record-mode verify",
    ),
    "watching a recording": (["--record", "--upstream", SITE, "--watch"], "is for what is served without --record"),
    "a path to ignore that is none": (["--ignore", "boddy.model"], "ignore"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_it_cannot_do_is_refused_by_name(name: str, tmp_path: Path) -> None:
    flags, words = WRONG[name]
    write(tmp_path, "some.yaml", recorded())
    cassettes = [] if name == "no cassette" else [str(tmp_path)]
    result = runner().invoke(main, ["serve", *cassettes, "--port", "0", *flags])
    assert result.exit_code == 2
    assert words in result.stderr


def test_it_records_what_it_passes_on_and_serves_that_later(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    with raw_server({"/v1/chat": (WHOLE,)}) as upstream:
        live = f"http://127.0.0.1:{upstream.port}/v1"
        flags = ["--record", "--upstream", live, "--origin", "https://api.openai.com"]
        with running(path, *flags) as (told, process):
            assert httpx.post(f"{told['url']}/v1/chat", json={"a": 1}).content == b"".join(EVENTS)
            process.send_signal(signal.SIGTERM)
            _, problems = process.communicate(timeout=PATIENCE)
    assert (process.returncode, problems) == (0, "")
    assert "https://api.openai.com/v1/chat" in path.read_text(encoding="utf-8")
    with running(path) as (told, _):
        assert httpx.post(f"{told['url']}/v1/chat", json={"a": 1}).content == b"".join(EVENTS)


def test_it_verifies_and_says_so_at_its_end_by_its_status_too(tmp_path: Path) -> None:
    path, report = write(tmp_path, "made.yaml", recorded()), tmp_path / "drift.md"
    before = path.read_bytes()
    with raw_server({"/events": (WHOLE.replace(b"200 OK", b"202 OK"),)}) as upstream:
        flags = ["--record", "--upstream", f"http://127.0.0.1:{upstream.port}", "--origin", "https://api.example"]
        with running(path, *flags, "--record-mode", "verify", "--report", report) as (told, process):
            assert httpx.get(f"{told['url']}/events").status_code == 202
            process.send_signal(signal.SIGTERM)
            said, problems = process.communicate(timeout=PATIENCE)
    assert (process.returncode, problems, json.loads(said)["severity"]) == (1, "", "broken")
    command = f"fakegpt-testkit serve --record --record-mode all --upstream {flags[2]} {path}"
    assert command in report.read_text(encoding="utf-8")
    assert path.read_bytes() == before


def test_the_status_says_what_became_of_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "made.yaml", recorded())

    def status(asked: str, mode: str = "verify", threshold: str = "broken", answer: bytes = WHOLE) -> int:
        with raw_server({"/events": (answer,)}) as upstream:
            port = upstream.port
            settings = Settings(match_on=MATCH_ON).merged({"record_mode": mode})
            recorder = Recorder(path, f"http://127.0.0.1:{port}", settings, "https://api.example")
            with serving(server_of(recorder=recorder)) as url:
                httpx.get(f"{url}{asked}")
        return _settle(recorder, fail_on=threshold, report=None, json=False)

    assert status("/events") == 0
    assert "1 answer of 1 cassette verified: 1 same" in capsys.readouterr().out
    assert status("/events", answer=WHOLE.replace(b"200 OK", b"202 OK")) == 1
    assert status("/events", answer=WHOLE.replace(b"200 OK", b"202 OK"), threshold="never") == 0
    assert status("/__fakegpt/health") == 2
    assert status("/events", "none") == 0


def test_a_recording_that_was_killed_can_be_recovered(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    with raw_server({"/events": (HEAD, FRAMED, HOLD)}) as upstream:
        with (
            running(path, "--record", "--upstream", f"http://127.0.0.1:{upstream.port}") as (told, process),
            Line(str(told["url"])) as line,
        ):
            line.send(request("/events"))
            line.until(b"three\n\n\r\n")
            process.kill()
            process.wait()
        assert not path.exists()
        assert runner().invoke(main, ["recover", "--all", "--all-projects"]).exit_code == 0
    [kept] = loads(path.read_bytes(), "").interactions
    assert (kept.response.body, kept.response.ending.kind) == (b"".join(EVENTS), EndingKind.KILLED)


@pytest.mark.parametrize(
    "flags", [["--record"], ["--upstream", "http://localhost:1"], ["other.yaml", "--record", "--upstream", "http://a"]]
)
def test_a_recording_needs_one_cassette_and_a_service(flags: list[str], tmp_path: Path) -> None:
    result = runner().invoke(main, ["serve", str(tmp_path / "made.yaml"), "--port", "0", *flags])
    assert result.exit_code == 2
    assert "--record" in result.stderr
