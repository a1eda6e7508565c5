"""Scenarios and the control of a server: each a world of its own, made, read and dropped over HTTP."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.serving import EVENTS, Line, recorded, request, served, write

from fakegpt_testkit.exchange import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.once

CONTROL = "/__fakegpt"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server of a stream, and of two answers to equal requests in another cassette."""
    write(tmp_path, "events.yaml", recorded())
    counts = [
        recorded("GET", "/count", chunks=(Chunk(0.01, each),), headers=(("Content-Length", "1"),))
        for each in (b"1", b"2")
    ]
    write(tmp_path, "deep/count.yaml", *counts)
    with served(tmp_path) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def put(client: httpx.Client, name: str, **said: Any) -> Any:
    answer = client.put(f"{CONTROL}/scenarios/{name}", json=said)
    assert answer.is_success, answer.text
    return answer.json()


def told(client: httpx.Client, path: str) -> Any:
    answer = client.get(CONTROL + path)
    assert answer.is_success, answer.text
    return answer.json()


def test_a_scenario_has_its_own_faults_and_its_own_count_of_equal_requests(client: httpx.Client) -> None:
    made = put(client, "mine")
    put(client, "broken", faults=["status(429).on(path='/count')"])
    assert made["url"] == f"{client.base_url}/@mine".replace("//@", "/@")
    assert [client.get("/@mine/count").text for _ in range(2)] == ["1", "2"]
    assert client.get("/@mine/count").status_code == 404
    assert client.get("/@broken/count").status_code == 429
    assert [client.get("/count").text for _ in range(3)] == ["1", "1", "1"]


def test_a_scenario_may_have_some_of_the_cassettes_only(client: httpx.Client) -> None:
    put(client, "mine", cassettes=["deep/count"])
    assert client.get("/@mine/count").text == "1"
    assert client.get("/@mine/events").status_code == 404


def test_a_scenario_may_ignore_a_field_and_play_the_last_answer_again(client: httpx.Client) -> None:
    put(client, "mine", ignore=["query.t"], allow_playback_repeats=True)
    assert [client.get(f"/@mine/count?t={nth}").text for nth in range(4)] == ["1", "2", "2", "2"]


def test_a_scenario_has_its_own_pace(client: httpx.Client) -> None:
    put(client, "slow", gap="50ms")
    asked = time.monotonic()
    assert client.get("/@slow/events").content == b"".join(EVENTS)
    assert time.monotonic() - asked >= 0.15


def test_other_faults_can_be_had_and_what_was_played_stays(client: httpx.Client) -> None:
    put(client, "mine")
    assert client.get("/@mine/count").text == "1"
    changed = client.patch(f"{CONTROL}/scenarios/mine", json={"faults": ["status(500).on(path='/count').times(1)"]})
    assert changed.status_code == 200
    assert client.get("/@mine/count").status_code == 500
    assert client.get("/@mine/count").text == "2"
    assert client.get("/@mine/count").status_code == 404


def test_a_scenario_made_again_is_a_new_one(client: httpx.Client) -> None:
    put(client, "mine")
    client.get("/@mine/count")
    put(client, "mine")
    assert told(client, "/scenarios/mine")["asked"] == 0
    assert client.get("/@mine/count").text == "1"


def test_its_report_says_what_was_missed_never_played_and_not_applied(client: httpx.Client) -> None:
    put(client, "mine", faults=["reset(after_event=99)"])
    client.get("/@mine/count")
    client.get("/@mine/nothing")
    report = client.delete(f"{CONTROL}/scenarios/mine").json()
    assert (report["asked"], report["unmatched"]) == (2, 1)
    assert report["misses"][0]["error"]["type"] == "RequestNotRecorded"
    assert [each.rpartition("/")[2] for each in report["unplayed"]] == ["count.yaml", "events.yaml"]
    assert [each["fault"] for each in report["unapplied"]] == ["reset(after_event=99)"]
    assert client.get(f"{CONTROL}/scenarios/mine").status_code == 404


def test_the_journal_says_what_was_asked_and_what_became_of_it(client: httpx.Client) -> None:
    put(client, "mine")
    client.get("/@mine/events", headers={"Last-Event-ID": "7"})
    client.post("/@mine/count?x=1", json={"a": 1})
    played, missed = told(client, "/scenarios/mine/journal")
    assert (played["method"], played["url"], played["matched"]) == (
        "GET",
        f"{client.base_url}".rstrip("/") + "/events",
        True,
    )
    assert ["Last-Event-ID", "7"] in played["headers"]
    assert played["played"].startswith("interaction 1 of ")
    assert (played["status"], played["ending"], played["left_early"]) == (200, "complete", False)
    assert (missed["matched"], json.loads(missed["body"])) == (False, {"a": 1})
    assert told(client, "/scenarios/mine/unmatched") == [missed]
    assert told(client, "/journal") == []


def test_a_client_that_left_is_seen_in_the_journal(client: httpx.Client) -> None:
    put(client, "mine", faults=["stall(after_event=1)"])
    with Line(f"{client.base_url}") as line:
        line.send(request("/@mine/events"))
        line.until(b"one\n\n\r\n")
        line.leave(reset=True)
    until = time.monotonic() + 20
    while not (entry := told(client, "/scenarios/mine/journal")[0])["left_early"]:
        assert time.monotonic() < until
    assert entry["ending"] != "complete"


def test_no_journal_holds_a_credential(client: httpx.Client) -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    for path in ("/events", "/nothing"):
        client.post(f"{path}?api_key={key}", json={"password": key}, headers={"Authorization": f"Bearer {key}"})
    for path in ("/journal", "/unmatched", "", "/"):
        assert key not in client.get(f"{CONTROL}{path}").text


def test_reset_makes_it_as_it_was_at_the_start(client: httpx.Client) -> None:
    put(client, "mine")
    client.get("/@mine/count")
    client.post(f"{CONTROL}/scenarios/mine/reset")
    assert (client.get("/@mine/count").text, told(client, "/scenarios/mine")["asked"]) == ("1", 1)
    client.get("/count")
    client.post(f"{CONTROL}/reset")
    assert (told(client, "/scenarios"), told(client, "/journal")) == ([], [])


def test_health_is_told_to_who_asks(client: httpx.Client) -> None:
    put(client, "mine")
    assert told(client, "/health") == {"status": "ok", "interactions": 3, "scenarios": 1, "connections": 1}


def test_a_recorded_path_may_begin_as_a_scenario_does(tmp_path: Path) -> None:
    write(tmp_path, "npm.yaml", recorded("GET", "/@types/node"))
    with served(tmp_path) as url:
        assert httpx.get(f"{url}/@types/node").content == b"".join(EVENTS)


def test_nothing_is_saved_where_nothing_is_recorded(client: httpx.Client) -> None:
    assert client.post(f"{CONTROL}/save").status_code == 409


WRONG = {
    "an unknown setting": ({"fault": ["reset"]}, "a scenario's setting"),
    "an unknown fault": ({"faults": ["explode(3)"]}, "explode"),
    "a fault with a wrong argument": ({"faults": ["reset(after_event='x')"]}, "reset"),
    "a fault that is code": ({"faults": ["__import__('os').getcwd()"]}, "a fault with its arguments"),
    "a fault with code for an argument": ({"faults": ["status(open('/etc/passwd'))"]}, "a fault with its arguments"),
    "a cassette that is not served": ({"cassettes": ["../../etc/passwd"]}, "no cassette of that name is served"),
    "lockstep": ({"pace": "lockstep"}, "a socket does not show when its reader is ready"),
    "a list": ([], "a scenario"),
    "a steady that is no flag": ({"steady": "yes"}, "true or false"),
    "a name for a list": ({"cassettes": "events"}, "a list"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_scenario_that_cannot_be_is_refused_and_says_which_word_is_wrong(name: str, client: httpx.Client) -> None:
    said, words = WRONG[name]
    answer = client.put(f"{CONTROL}/scenarios/mine", json=said)
    assert (answer.status_code, told(client, "/scenarios")) == (400, [])
    assert words in answer.json()["error"]


@pytest.mark.parametrize("name", ["", "-x", "a%2Fb", "a b", "x" * 101, ".."])
def test_a_scenario_has_a_name_that_a_path_can_have(name: str, client: httpx.Client) -> None:
    answer = client.put(f"{CONTROL}/scenarios/{name}", json={})
    assert (answer.status_code in {400, 404}, told(client, "/scenarios")) == (True, [])


def test_a_body_that_is_no_json_is_refused(client: httpx.Client) -> None:
    answer = client.put(f"{CONTROL}/scenarios/a", content=b"{", headers={"Content-Type": "application/json"})
    deep = client.put(f"{CONTROL}/scenarios/a", content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert (answer.status_code, deep.status_code) == (400, 400)


def test_a_form_of_a_page_cannot_control_it(client: httpx.Client) -> None:
    form = client.post(f"{CONTROL}/reset", content=b"{}", headers={"Content-Type": "text/plain"})
    page = client.post(f"{CONTROL}/reset", headers={"Origin": "http://evil.example"})
    read = client.get(f"{CONTROL}/journal", headers={"Origin": "http://evil.example"})
    own = client.post(f"{CONTROL}/reset", headers={"Origin": f"{client.base_url}".rstrip("/")})
    assert [each.status_code for each in (form, page, read, own)] == [415, 403, 403, 200]


def test_what_there_is_not_is_told(client: httpx.Client) -> None:
    for method, path in [
        ("GET", "/nothing"),
        ("GET", "/scenarios/none"),
        ("DELETE", "/scenarios/none"),
        ("PUT", "/health"),
    ]:
        answer = client.request(method, CONTROL + path)
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_a_browser_sees_the_cassettes_the_scenarios_and_what_was_asked(client: httpx.Client) -> None:
    put(client, "mine", cassettes=["events"])
    client.get("/@mine/events")
    client.get("/@mine/<script>alert(1)</script>")
    page = client.get(f"{CONTROL}/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for words in ("deep/count.yaml", "Scenario /@mine", "2 requests", "1 without an answer", "is not in"):
        assert words in page.text
    assert "<script>alert" not in page.text
    stream = client.get(f"{CONTROL}/scenarios/mine/streams/1")
    assert all(words in stream.text for words in ("one", "<svg", "request 1"))
    cassette = client.get(f"{CONTROL}/cassettes/1")
    assert (stream.status_code, cassette.status_code) == (200, 200)
    assert client.get(f"{CONTROL}/cassettes/9").status_code == 400
