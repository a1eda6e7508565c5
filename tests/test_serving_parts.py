"""The parts of the server that touch no socket: what fits a connection, what a miss says, what a journal keeps."""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import freezegun
import httpx
import pytest
from support.serving import AT_ONCE, CHUNKED, Line, recorded, request, served, server_of, write

from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.exchange import Ending, EndingKind, Request, header
from fakegpt_testkit.recorder import Settings
from fakegpt_testkit.serving import MATCH_ON, Limits, Terms, serving
from fakegpt_testkit.serving.cross_origin import fields, preflight_fields
from fakegpt_testkit.serving.fitting import Here, fit
from fakegpt_testkit.serving.hosts import is_ours, is_own_page
from fakegpt_testkit.serving.journal import (
    MOST_BODY,
    MOST_BYTES,
    MOST_ENTRIES,
    MOST_TOGETHER,
    Entry,
    RequestJournal,
    Together,
)
from fakegpt_testkit.serving.misses import miss_body
from fakegpt_testkit.serving.plan import SendProgress
from fakegpt_testkit.serving.server import MOST_SCENARIOS
from fakegpt_testkit.serving.variables import by_paths, by_service
from fakegpt_testkit.serving.world import Outgoing

if TYPE_CHECKING:
    from fakegpt_testkit.matching import VcrRequest

pytestmark = pytest.mark.once

API = "https://api.example"
HERE = Here("http://localhost:8088/@mine", accepts="gzip, br")

FITTED = {
    "an absolute location": ("Location", f"{API}/a?b=1", "http://localhost:8088/@mine/a?b=1"),
    "a location of elsewhere": ("Location", "https://api.example.org/a", "https://api.example.org/a"),
    "a location's path": ("location", "/a", "/@mine/a"),
    "a relative location": ("Location", "a", "a"),
    "a location of another host by path": ("Location", "//cdn.example/a", "//cdn.example/a"),
    "a cookie of a domain": ("Set-Cookie", "s=1; Domain=api.example; Path=/; HttpOnly", "s=1; Path=/@mine/; HttpOnly"),
    "a cookie for TLS": ("Set-Cookie", "s=1; Secure; SameSite=None", "s=1"),
    "a cookie with a prefix for TLS": ("Set-Cookie", "__Host-s=1; Secure; Path=/", "__Host-s=1; Secure; Path=/@mine/"),
    "any other field": ("X-Said", f"see {API}/a; Secure", f"see {API}/a; Secure"),
    "another service": ("Alt-Svc", 'h3=":443"', None),
    "TLS for ever": ("Strict-Transport-Security", "max-age=1", None),
    "how long it is kept": ("Keep-Alive", "timeout=5", None),
}


@pytest.mark.parametrize("name", FITTED)
def test_a_field_fits_the_connection_it_is_sent_on(name: str) -> None:
    field, value, wanted = FITTED[name]
    tape = fit(recorded(headers=((field, value), ("Content-Length", "5"))).response, "GET", HERE, [API])
    assert header(tape.headers, field) == wanted


def test_a_cookie_stays_secure_where_the_connection_is() -> None:
    tape = recorded(headers=(("Set-Cookie", "s=1; Secure"), *CHUNKED)).response
    assert fit(tape, "GET", Here("https://localhost:8088"), [API]) is tape


def test_http_2_has_its_form_in_http_1() -> None:
    tape = fit(recorded(headers=CHUNKED[:1], version="2").response, "GET", HERE, [API])
    assert (tape.head.version, header(tape.headers, "Transfer-Encoding")) == ("1.1", "chunked")


ACCEPTED = [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("", False), ("br", False)]


@pytest.mark.parametrize(("accepts", "kept"), ACCEPTED)
def test_a_coding_is_for_clients_that_take_it(accepts: str, kept: bool) -> None:
    tape = recorded(headers=(*CHUNKED, ("Content-Encoding", "gzip"))).response
    fitted = fit(tape, "GET", Here("http://localhost", accepts=accepts), [API])
    assert (header(fitted.headers, "Content-Encoding") == "gzip") is kept


PROBLEM = RequestNotRecorded(
    request="POST /x",
    cassette="a.yaml",
    interactions=1,
    played=0,
    closest=1,
    differences=(("body.a", "1", "2"),),
)
FORMS = {
    "OpenAI": ("/v1/chat/completions", (), ("error", "message")),
    "Anthropic": ("/v1/messages", (("anthropic-version", "2023-06-01"),), ("error", "message")),
    "Gemini": ("/v1beta/models/g:streamGenerateContent", (), ("error", "message")),
    "Ollama": ("/api/chat", (), ("error",)),
    "Bedrock": ("/model/m/converse-stream", (), ("message",)),
    "any other": ("/things", (), ("message",)),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_miss_is_told_where_the_sdk_looks_for_words(name: str) -> None:
    path, sent, place = FORMS[name]
    body, _ = miss_body(Request("POST", API + path, sent), PROBLEM)
    said = json.loads(body)
    for word in place:
        said = said[word]
    assert said == str(PROBLEM)


OURS = [
    ("localhost", True), ("localhost:80", True), ("LOCALHOST", True), ("a.localhost:1", True), ("127.0.0.1:9", True),
    ("127.9.9.9", True), ("[::1]:80", True), ("10.0.0.7:80", True), ("named:80", True), ("10.0.0.8", False),
    ("evil.example", False), ("", False), ("[", False), ("localhost.evil.example", False),
    ("127.0.0.1.evil.example", False),
]  # fmt: skip


@pytest.mark.parametrize(("host", "ours"), OURS)
def test_a_host_is_this_server_or_is_not(host: str, ours: bool) -> None:
    assert is_ours(host, "10.0.0.7", ("named",)) is ours


PAGES = [
    (None, True), ("http://localhost:80", True), ("null", False), ("http://evil.example", False),
    ("http://localhost:81", False),
]  # fmt: skip


@pytest.mark.parametrize(("origin", "own"), PAGES)
def test_a_page_is_this_servers_or_is_not(origin: str | None, own: bool) -> None:
    assert is_own_page(origin, "localhost:80", "127.0.0.1", ()) is own


def test_a_page_is_told_that_it_may_read_what_it_asks_for() -> None:
    asked = (
        ("Origin", "http://app.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
        ("Access-Control-Request-Private-Network", "true"),
    )
    granted = dict(preflight_fields(asked, ["http://app.example"]))
    assert granted["Access-Control-Allow-Origin"] == "http://app.example"
    assert granted["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert granted["Access-Control-Allow-Methods"] == "POST"
    assert granted["Access-Control-Allow-Private-Network"] == "true"
    assert granted["Access-Control-Allow-Credentials"] == "true"
    exposed = fit(recorded().response, "GET", replace(HERE, fields=fields(asked, ["http://app.example"])), [])
    assert header(exposed.headers, "Access-Control-Expose-Headers") == "Content-Type, transfer-ENCODING"
    assert "Access-Control-Allow-Credentials" not in dict(preflight_fields(asked, ["*"]))  # any page, but no login
    assert preflight_fields(asked, ["http://other.example"]) == fields(asked, []) == fields((), ["*"]) == ()


def entry(number: int, size: int, *, missed: bool = False) -> Entry:
    return Entry(number, "", Request("POST", f"{API}/a", (), bytes(size)), problem=PROBLEM if missed else None)


def test_a_journal_keeps_the_newest_within_a_count_and_bytes() -> None:
    journal = RequestJournal(most=20, most_bytes=100_000)
    for number in range(1, 1001):
        journal.add(entry(number, 10))
    assert [each.number for each in journal.entries] == list(range(981, 1001))
    for number in range(1001, 1021):
        journal.add(entry(number, 50_000))
    assert journal.size <= 125_000
    assert (journal.count, journal.entries[-1].number) == (1020, 1020)


def test_what_was_missed_is_not_pushed_out_by_what_was_answered() -> None:
    journal = RequestJournal(most=20, most_bytes=100_000)
    journal.add(entry(1, 10, missed=True))
    for number in range(2, 100):
        journal.add(entry(number, 10))
    assert [each.number for each in journal.unmatched] == [1]


def test_all_journals_together_have_a_bound_and_the_fullest_gives_way() -> None:
    together = Together(most=100_000)
    small, *full = [RequestJournal(together=together) for _ in range(5)]
    small.add(entry(1, 10))
    for number in range(1, 101):
        for journal in full:
            journal.add(entry(number, 1000))
    assert sum(journal.size for journal in full) <= 100_000
    assert {len(journal.entries) for journal in full} <= {11, 12, 13}
    assert len(small.entries) == 1
    full.clear()  # a scenario that is dropped makes room
    small.add(entry(2, 60_000))
    assert len(small.entries) == 2


def test_what_is_asked_at_once_is_in_the_journal_in_the_order_it_came() -> None:
    journal, tape = RequestJournal(), recorded().response
    for number in (1, 2):
        journal.add(replace(entry(number, 10), problem=None, live=True))
    for number in (2, 1, 3):
        journal.complete(number, replace(recorded(), response=tape), SendProgress(tape, "GET"))
    assert [(each.number, each.played is not None) for each in journal.entries] == [(1, True), (2, True)]
    assert journal.size > 2 * sum(len(each.data) for each in tape.chunks)


def test_a_value_of_the_environment_is_a_secret_here_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2!Qz91odd-and-long")
    write(tmp_path, "some.yaml", recorded())
    world = server_of(tmp_path).world
    problem = world.ask(Request("GET", "http://localhost/no?note=hunter2!Qz91odd-and-long"), HERE)
    assert isinstance(problem, RequestNotRecorded)
    assert "hunter2" not in str(problem) + world.shown(world.journal.unmatched[0].request).uri


SENT = {
    "what a browser sends by itself": ((), (("Accept-Language", "en"), ("Accept", "text/event-stream")), True),
    "a language where one was recorded": ((("Accept-Language", "de"),), (("Accept-Language", "en"),), False),
    "the same": ((("Accept", "text/csv"),), (("Accept", "text/csv"),), True),
    "another type": ((("Accept", "text/csv"),), (("Accept", "text/html"),), False),
    "a part": ((("X-Client", "one"),), (("Range", "bytes=1-2"),), False),
}


@pytest.mark.parametrize("name", SENT)
def test_fields_that_choose_an_answer_decide(name: str, tmp_path: Path) -> None:
    told, asked, answered = SENT[name]
    given = recorded()
    write(tmp_path, "some.yaml", replace(given, request=replace(given.request, headers=told)))
    answer = server_of(tmp_path).world.ask(Request("GET", "http://localhost/events", asked), HERE)
    assert isinstance(answer, Outgoing) is answered


def test_the_bounds_are_those_of_the_page() -> None:
    page = (
        (Path(__file__).parent.parent / "docs" / "security.md")
        .read_text(encoding="utf-8")
        .partition("## The server")[2]
    )
    named = [
        int(each)
        for row in re.findall(r"^\| .* \| (.*\d.*) \|$", page, re.MULTILINE)
        for each in re.findall(r"\d+", row)
    ]
    limits = Limits()
    of_a_client = [limits.head, limits.head_seconds, limits.body, limits.body_seconds, limits.idle_seconds]
    of_all = [limits.connections, MOST_SCENARIOS, MOST_ENTRIES, MOST_BYTES, MOST_BODY, MOST_TOGETHER]
    assert named == [*of_a_client, *of_all]


SDKS = {
    "/v1/chat/completions": {"OPENAI_BASE_URL": "http://a/v1"},
    "/api/v1/responses": {"OPENAI_BASE_URL": "http://a/api/v1"},
    "/openai/v1/chat/completions": {"OPENAI_BASE_URL": "http://a/openai/v1", "GROQ_BASE_URL": "http://a"},
    "/v1/messages": {"ANTHROPIC_BASE_URL": "http://a"},
    "/v1beta/models/gemini-2.0:streamGenerateContent": {"GOOGLE_GEMINI_BASE_URL": "http://a"},
    "/v2/chat": {"CO_API_URL": "http://a"},
    "/model/a.b-v1%3A0/converse-stream": {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://a"},
    "/api/chat": {"OLLAMA_HOST": "http://a"},
    "/my/api/chat": {},
}


@pytest.mark.parametrize("path", SDKS)
def test_the_sdks_are_told_where_to_ask_by_what_was_asked(path: str) -> None:
    assert by_paths(["/other", path], "http://a") == SDKS[path]


def test_the_sdks_are_told_where_to_ask_by_the_service_that_is_recorded() -> None:
    assert by_service("https://api.openai.com/v1", "http://a") == {"OPENAI_BASE_URL": "http://a/v1"}
    assert by_service("https://bedrock-runtime.eu-west-1.amazonaws.com", "http://a") == {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://a"
    }
    assert by_service("https://notopenai.com", "http://a") == by_service("http://localhost:1", "http://a") == {}


def test_scenarios_share_what_was_read_of_the_same_cassettes(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", *(recorded(path=f"/{number}") for number in range(50)))
    server = server_of(tmp_path)

    def requests_after(name: str) -> int:
        world = server.put(name, server.library.shelf, server.terms)
        assert isinstance(world.ask(Request("GET", "http://localhost/no"), HERE), RequestNotRecorded)
        gc.collect()
        return sum(isinstance(each, Request) for each in gc.get_objects())

    first, *more = [requests_after(f"scenario-{number}") for number in range(4)]
    assert more[-1] - first < 10, "three more scenarios, and fifty recorded requests in each"


def test_a_server_keeps_no_object_of_a_request_that_it_has_answered(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded(), recorded(path="/reset", ending=Ending(EndingKind.RESET, 0.03)))
    server = server_of(tmp_path)
    server.world.journal = RequestJournal(most=10, most_bytes=20_000)

    def objects() -> int:
        for _ in range(40):
            with Line(url) as line:
                line.send(request() + request("/nothing") + request("/reset"))
                line.rest()
        while server.connections:
            time.sleep(0.01)
        gc.collect()
        return len(gc.get_objects())

    with serving(server) as url:
        held = [objects() for _ in range(5)]
    assert min(later - before for before, later in pairwise(held[1:])) < 25, "each time 120 requests were answered"


@pytest.mark.untraced
def test_nothing_but_the_journal_grows_with_the_requests_that_were_answered(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    world = server_of(tmp_path, terms=Terms(Settings(match_on=MATCH_ON), AT_ONCE, steady=True)).world
    world.journal = RequestJournal(most=10, most_bytes=20_000)

    def ask(first: int, times: int) -> int:
        for number in range(first, first + times):
            secret = b'{"password": "%048d", "n": %d}' % (number, number)
            world.ask(Request("GET", "http://localhost/events"), HERE)
            world.ask(Request("POST", "http://localhost/no", (("Content-Type", "application/json"),), secret), HERE)
        gc.collect()
        for cache in (each for each in gc.get_objects() if isinstance(each, type(lru_cache(len)))):
            cache.cache_clear()  # those have a bound of their own
        return sys.getallocatedblocks()

    held = [ask(first, 500) for first in range(0, 2500, 500)]
    grown = [later - before for before, later in pairwise(held)]
    assert min(grown[1:]) < 250, "half a block of memory a request, each time, is more than nothing"


def test_a_matcher_that_raises_is_told_and_no_client_waits_for_ever(tmp_path: Path) -> None:
    def raising(asked: VcrRequest, _: VcrRequest) -> None:
        raise ZeroDivisionError(asked.path)

    said: list[str] = []
    write(tmp_path, "some.yaml", recorded())
    terms = Terms(Settings(match_on=(raising,)), AT_ONCE)
    with served(tmp_path, terms=terms, said=said) as url, httpx.Client(base_url=url) as client:
        answer = client.get("/events")
        [missed] = client.get("/__fakegpt/unmatched").json()
    assert answer.status_code == 404
    assert "ZeroDivisionError('/events')" in answer.json()["error"]["message"]
    assert "ZeroDivisionError('/events')" in missed["error"]["message"]
    assert "ZeroDivisionError('/events')" in said[0]


def test_what_a_journal_says_of_when_is_the_real_time(tmp_path: Path) -> None:
    write(tmp_path, "some.yaml", recorded())
    begun = datetime.now(UTC) - timedelta(seconds=1)
    with freezegun.freeze_time("2001-02-03"):
        world = server_of(tmp_path).world
        world.ask(Request("GET", "http://localhost/events"), HERE)
    [asked] = world.journal.entries
    assert datetime.fromisoformat(asked.at) > begun
