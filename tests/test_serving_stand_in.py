"""A scenario without a recording: a script of a dialect, or a stand-in for a service, made over the control."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import httpx
import pytest
from support.serving import Line, recorded, request, server_of, write

from fakegpt_testkit import FakeGpt
from fakegpt_testkit.errors import StepRefused
from fakegpt_testkit.fakegpt.conversation import request_body
from fakegpt_testkit.fakegpt.stand_in import Options, StreamEnd, serve_in_thread, server_name
from fakegpt_testkit.fakegpt.stand_in.serving import scenario
from fakegpt_testkit.serving import Limits, serving
from fakegpt_testkit.sse import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.once

CONTROL = "/__fakegpt"
QUESTION = [{"role": "user", "content": "Say hello"}]
COMPLETIONS = "/v1/chat/completions"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server of one cassette, which knows FakeGpt's stand-in."""
    server = server_of(
        write(tmp_path, "events.yaml", recorded()),
        stand_ins={"fakegpt": scenario},
        limits=Limits(body=100_000, noted=1000),
    )
    with serving(server) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def put(client: httpx.Client, name: str, **said: Any) -> str:
    answer = client.put(f"{CONTROL}/scenarios/{name}", json=said)
    assert answer.is_success, answer.text
    return str(answer.json()["url"])


def told(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"{CONTROL}/scenarios/{path}")
    assert answer.is_success, answer.text
    return answer.json()


def say(url: str) -> str:
    """What FakeGpt hears at this address, by its whole flow."""
    mine: type[FakeGpt] = type("Mine", (FakeGpt,), {"url": url})
    return "".join(mine.create_completion("", QUESTION, stream=False))


# --- a stand-in ---


def test_scenarios_have_a_stand_in_each_beside_the_cassettes(client: httpx.Client) -> None:
    one = put(client, "one", stand_in={"text": "Hello", "cuts": "byte", "redirect": True})
    two = put(client, "two", stand_in={"dialect": "fakegpt", "text": "Bye", "seed": 7, "noise": ["ping"]})
    refused = {"step": "login", "status": 429, "detail": "Not now.", "times": 1}
    busy = put(client, "busy", stand_in={"refusal": refused, "text": "At last"})
    assert [say(one), say(two), say(one)] == ["Hello", "Bye", "Hello"]
    with pytest.raises(StepRefused, match="Not now"):
        say(busy)
    assert say(busy) == "At last"
    page = client.get(f"{CONTROL}/").text
    assert server_name(Options(seed=7)) in page
    stream = client.get(f"{CONTROL}/scenarios/two/streams/4").text
    assert "<svg" in stream
    assert "Bye" in stream


def test_its_journal_report_and_reset_are_those_of_any_scenario(client: httpx.Client) -> None:
    url = put(client, "mine", stand_in={"refusal": {"times": 1}})
    with pytest.raises(StepRefused, match="Too many"):
        say(url)
    asked = told(client, "mine/journal")
    assert [(each["method"], each["url"].rpartition("/")[2][:5], each["status"]) for each in asked] == [
        ("GET", "loads", 200),
        ("POST", "login", 200),
        ("GET", "sessi", 200),
        ("POST", "conve", 429),
    ]
    assert "REDACTED-x-authorization-1'" in f"{asked[-1]['headers']}"
    assert ["Cookie", "credential=REDACTED-credential-1"] in asked[-1]["headers"]
    assert say(url)
    client.post(f"{CONTROL}/scenarios/mine/reset").raise_for_status()
    assert told(client, "mine/journal") == []
    with pytest.raises(StepRefused, match="Too many"):  # it knows nobody again, and refuses once more
        say(url)
    assert told(client, "mine")["asked"] == 4
    assert client.delete(f"{CONTROL}/scenarios/mine").json()["asked"] == 4
    assert client.get("/@mine/api/loads?t=1").status_code == 404


def test_its_login_stays_below_its_prefix(client: httpx.Client) -> None:
    put(client, "mine", stand_in={"redirect": True})
    [account, *_] = client.get("/@mine/api/loads?t=1").json()["loads"]
    form = {"token_key": account["token_id"], "session_password": "abcdefgh12"}
    login = client.post("/@mine/auth/login", data=form)
    assert login.headers["location"] == "/@mine/"
    assert "Path=/@mine/" in login.headers["set-cookie"]


def test_it_sends_to_the_byte_what_the_service_alone_sends(client: httpx.Client) -> None:
    for ending in get_args(StreamEnd):
        said: dict[str, Any] = {"ending": ending, "events": 4, "text": "Hello, world", "delay": 0.001}
        put(client, "mine", stand_in=said)
        with serve_in_thread(Options(**said)) as service:
            alone = heard(client, service.url.replace("localhost", "127.0.0.1"), ending)
        assert heard(client, str(client.base_url).rstrip("/"), ending, "/@mine") == alone
        assert alone[0].count(b"data: ") >= 4
        assert told(client, "mine/journal")[-1]["sent"] >= len(alone[0])


def heard(client: httpx.Client, url: str, ending: str, prefix: str = "") -> tuple[bytes, str]:
    """A conversation's answer and how it ends; of one that does not, the head and five events, or four."""
    [account, *_] = client.get(f"{url}{prefix}/api/loads?t=1").json()["loads"]
    form = {"token_key": account["token_id"], "session_password": "abcdefgh12"}
    cookie = f"Cookie: credential={client.post(f'{url}{prefix}/auth/login', data=form).cookies['credential']}"
    logged_in = dict([cookie.split(": ", 1)])
    token = client.get(f"{url}{prefix}/api/auth/session", headers=logged_in).json()["accessToken"]
    body = request_body(QUESTION, message_id="m", parent_message_id="p")
    fields = ["Accept: text/event-stream", "Content-Type: application/json", f"X-Authorization: Bearer {token}", cookie]
    with Line(url) as line:
        line.send(request(f"{prefix}/api/conversation", "POST", *fields, "Connection: close", body=body))
        events = {"stall": 4, "endless": 5}.get(ending)
        if events is None:
            got, end = line.rest()
        else:
            got, end = line.until(b"\r\n\r\n") + b"".join(line.until(b"\n\n\r\n") for _ in range(events)), "open"
    return re.sub(rb"Date: [^\r]*", b"Date: now", got), end


def test_it_has_the_servers_bounds_and_answers_to_its_names_only(client: httpx.Client) -> None:
    put(client, "mine", stand_in={})
    assert client.post("/@mine/auth/login", content=b"a" * 100_001).status_code == 413
    assert client.get("/@mine/api/loads?t=1", headers={"Host": "evil.example"}).status_code == 421
    client.post("/@mine/auth/login", content=b"a" * 5000)
    assert len(told(client, "mine/journal")[-1]["body"]) == 1000


def test_the_stand_in_alone_has_them_too() -> None:
    with serve_in_thread(Options(seed=3)) as service:
        foreign = httpx.get(f"{service.url}/api/loads?t=1", headers={"Host": "evil.example"})
        assert (foreign.status_code, foreign.headers["Server"]) == (421, service.name)
        assert "'evil.example'" in foreign.json()["detail"]
        assert httpx.get(f"{service.url}{CONTROL}/health").json()["status"] == "ok"
        httpx.get(f"{service.url}/api/loads?t=1")
        [asked] = httpx.get(f"{service.url}{CONTROL}/journal").json()
        assert asked["played"] == service.name


def test_no_client_waits_for_ever_whatever_it_asks(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = put(client, "mine", stand_in={})
    [account, *_] = client.get("/@mine/api/loads?t=1").json()["loads"]
    form = {"token_key": account["token_id"], "session_password": "abcdefgh12"}
    cookie = {"Cookie": f"credential={client.post('/@mine/auth/login', data=form).cookies['credential']}"}
    token = client.get("/@mine/api/auth/session", headers=cookie).json()["accessToken"]
    fields = {**cookie, "Accept": "text/event-stream", "Content-Type": "application/json"}
    deep = client.post(
        "/@mine/api/conversation",
        content=b"[" * 90_000,
        headers={**fields, "X-Authorization": f"Bearer {token}"},
    )
    assert (deep.status_code, "not JSON" in deep.json()["detail"]) == (422, True)
    monkeypatch.setattr("fakegpt_testkit.fakegpt.stand_in.service.FakeGptStandIn._loads", lambda *_: 1 / 0)
    broken = client.get(f"{url}/api/loads?t=1")
    assert (broken.status_code, "ZeroDivisionError" in broken.json()["error"]["message"]) == (404, True)
    assert [each["error"]["type"] for each in told(client, "mine/unmatched")] == ["FakeGptTestkitError"]


def test_a_stand_in_is_made_anew_and_not_changed(client: httpx.Client) -> None:
    put(client, "mine", stand_in={})
    answer = client.patch(f"{CONTROL}/scenarios/mine", json={"faults": ["reset(1)"]})
    assert (answer.status_code, "make that anew with PUT" in answer.json()["error"]) == (400, True)


# --- a script ---


def ask(client: httpx.Client, name: str) -> httpx.Response:
    body = {"model": "any", "stream": True, "messages": [{"role": "user", "content": "anything"}]}
    return client.post(f"/@{name}{COMPLETIONS}", json=body)


def test_a_scenario_may_be_a_script_of_a_dialect(client: httpx.Client) -> None:
    call = {"name": "weather", "arguments": {"city": "Rome"}}
    first = {"dialect": "openai-chat", "texts": ["Hel", "lo"], "usage": [3, 2]}
    put(client, "mine", script=[first, {"dialect": "openai-chat", "tool_calls": [call]}], gap="0ms")
    events = [json.loads(each.data) for each in parse(ask(client, "mine").content)[:-1]]
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in events if each["choices"]) == "Hello"
    assert events[-1]["usage"]["prompt_tokens"] == 3
    assert "Rome" in ask(client, "mine").text
    assert ask(client, "mine").status_code == 404
    assert told(client, "mine")["unplayed"] == []
    put(client, "broken", script={"dialect": "openai-chat", "texts": ["a"]}, faults=["status(429)"], steady=True)
    assert [ask(client, "broken").status_code for _ in range(2)] == [429, 429]
    client.patch(f"{CONTROL}/scenarios/broken", json={"faults": []}).raise_for_status()
    assert ask(client, "broken").status_code == 200


def test_a_script_and_a_stand_in_stay_when_the_cassettes_are_read_anew(tmp_path: Path) -> None:
    server = server_of(write(tmp_path, "events.yaml", recorded()), stand_ins={"fakegpt": scenario})
    with serving(server) as url, httpx.Client(base_url=url) as client:
        script = put(client, "script", script={"texts": ["Once"]}, gap="0ms", allow_playback_repeats=True)
        stand_in = put(client, "stand-in", stand_in={"text": "Hello"})
        put(client, "files", cassettes=["events"])
        before = [say(script), say(stand_in), client.get("/@files/events").status_code]
        write(tmp_path, "events.yaml", recorded(path="/others"))
        server.reload()
        after = [say(script), say(stand_in), client.get("/@files/others").status_code]
    assert before == after == ["Once", "Hello", 200]


def test_a_script_may_be_events_of_any_service(client: httpx.Client) -> None:
    said = {"events": ["one", {"two": 2}], "request": "POST https://my.example/stream", "content_type": "text/plain"}
    put(client, "mine", script=said, gap="0ms")
    answer = client.post("/@mine/stream", json={})
    assert (answer.text, answer.headers["content-type"]) == ('data: one\n\ndata: {"two": 2}\n\n', "text/plain")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown dialect of a script": ({"script": {"dialect": "klingon", "texts": ["a"]}}, "klingon"),
    "an unknown argument": ({"script": {"text": "a"}}, "script's argument"),
    "an empty script": ({"script": {}}, "texts and events"),
    "no scripts": ({"script": []}, "script"),
    "a script that is a text": ({"script": "hello"}, "openai-chat"),
    "texts that are numbers": ({"script": {"texts": [1]}}, "texts"),
    "a time that is none": ({"script": {"texts": ["a"], "every": "soon"}}, "script"),
    "a call that is none": ({"script": {"dialect": "openai-chat", "tool_calls": [{"nom": "f"}]}}, "weather"),
    "a dialect that is a list": ({"script": {"texts": ["a"], "dialect": []}}, "script"),
    "events that are numbers": ({"script": {"events": [5]}}, "script"),
    "a script and cassettes": ({"script": {"texts": ["a"]}, "cassettes": ["events"]}, "answers from one of them"),
    "a stand-in with faults": ({"stand_in": {}, "faults": ["reset(1)"]}, "settings of its own"),
    "an unknown stand-in": ({"stand_in": {"dialect": "klingon"}}, "one of fakegpt"),
    "a stand-in that is a text": ({"stand_in": "fakegpt"}, "an object"),
    "an unknown option": ({"stand_in": {"colour": "red"}}, "stand_in's option"),
    "an option of another kind": ({"stand_in": {"delay": "long"}}, "stand_in.delay"),
    "a flag for a number": ({"stand_in": {"seed": True}}, "stand_in.seed"),
    "an option that means nothing": ({"stand_in": {"cuts": "word"}}, "cuts"),
    "a noise that is none": ({"stand_in": {"noise": [1]}}, "noise"),
    "a refusal of no step": ({"stand_in": {"refusal": {"step": "logout"}}}, "refusal.step"),
    "an unknown part of a refusal": ({"stand_in": {"refusal": {"way": 1}}}, "refusal's option"),
}


def test_what_cannot_be_is_refused_in_words(client: httpx.Client) -> None:
    for name, (said, words) in WRONG.items():
        answer = client.put(f"{CONTROL}/scenarios/mine", json=said)
        assert (name, answer.status_code) == (name, 400)
        assert words in answer.json()["error"], name
    assert client.get(f"{CONTROL}/scenarios").json() == []
