"""The page of a cassette: in a real browser, with what cassettes can hold, and how large it gets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from support.browser import executable, opened

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Head, Interaction, Provenance, Request, Tape
from fakegpt_testkit.html import page
from fakegpt_testkit.timeline import timeline_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

STREAM = (("Content-Type", "text/event-stream"),)
EVIL = "</script></style><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"'&amp;\u202e\x1b"


def spoken(text: str) -> bytes:
    said = {"message": {"id": "1", "author": {"role": "assistant"}, "content": {"parts": [text]}}}
    return f"data: {json.dumps(said)}\n\n".encode()


def streamed(*texts: str, ending: Ending | None = None, body: bytes = b"") -> Interaction:
    chunks = [Chunk(0.1 * number, spoken(text)) for number, text in enumerate(texts, 1)]
    end = ending or Ending(at=0.1 * len(chunks) + 0.1)
    request = Request("POST", "https://chat.example/api/conversation", (("Accept", "*/*"),), b'{"prompt": "Say hello"}')
    return Interaction(request, Tape(Head(200, "OK", STREAM, at=0.05), (*chunks, Chunk(end.at, body)), end))


def written(folder: Path, *interactions: Interaction, name: str = "chat.yaml") -> Path:
    file = folder / "page.html"
    file.write_text(page(name, {number: timeline_of(each) for number, each in enumerate(interactions, 1)}))
    return file


@pytest.mark.browser
async def test_it_is_whole_offline_and_its_events_can_be_searched_by_keyboard(tmp_path: Path) -> None:
    json_one = Interaction(Request("GET", "https://chat.example/me"), Tape(Head(200), (Chunk(0.1, b'{"a": 1}'),)))
    async with opened(written(tmp_path, json_one, streamed("Hello", "Hello big", "Hello big World"))) as tab:
        assert [each["request"]["url"] for each in tab.said("Network.requestWillBeSent")] == [
            (tmp_path / "page.html").as_uri()
        ]
        assert tab.said("Log.entryAdded") == tab.said("Runtime.exceptionThrown") == []
        assert await tab.value("document.querySelectorAll('svg').length") == 1
        assert await tab.value("document.querySelectorAll('svg circle').length") == 3
        assert await tab.value("document.getElementById('found').textContent") == "3 events"

        await tab.press("/", "/")
        assert await tab.value("document.activeElement.id") == "search"
        await tab.call("Input.insertText", text="BIG world")
        assert await tab.value("document.getElementById('found').textContent") == "1 of 3 events"
        rows = "[...document.querySelectorAll('tr[data-event]')]"
        visible = f"{rows}.filter((row) => row.offsetParent).map((row) => row.dataset.event)"
        assert await tab.value(visible) == ["3"]
        await tab.press("Escape")
        assert await tab.value(visible) == ["1", "2", "3"]


@pytest.mark.browser
async def test_everything_can_be_reached_and_opened_with_the_keyboard_alone(tmp_path: Path) -> None:
    async with opened(written(tmp_path, streamed("Hello", "x" * 500))) as tab:
        reached = []
        focused = "document.activeElement.tagName + ' ' + document.activeElement.textContent.slice(0, 20)"
        for _ in range(12):
            await tab.press("Tab")
            reached.append(await tab.value(focused))
        assert reached[0].startswith("A Skip to the intera")
        for wanted in (
            "A POST https://chat.e",
            "BUTTON Play",
            "INPUT",
            "SUMMARY Request headers",
            "DIV Chunks and events",
            "PRE x",
        ):
            assert any(each.startswith(wanted[:20]) for each in reached), (wanted, reached)
        await tab.value("document.querySelector('summary').focus()")
        await tab.press("Enter", "\r")
        assert await tab.value("document.querySelector('details').open") is True
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.value(outline) == "solid"


PLAYED = "document.getElementById('text-2').textContent"
END = "Number(document.querySelector('.player').dataset.end)"
STANDS = """(() => {
  const cursor = document.getElementById("cursor-2"), [axis] = cursor.closest("svg").querySelectorAll(".axis");
  const [x, from, to] = [cursor.getAttribute("x1"), axis.getAttribute("x1"), axis.getAttribute("x2")];
  return (x - from) / (to - from);
})()"""
CURSOR = "document.getElementById('cursor-2').getAttribute('visibility')"


@pytest.mark.browser
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
async def test_a_stream_plays_at_its_recorded_times_by_keyboard_alone(tmp_path: Path, motion: str) -> None:
    login = Interaction(Request("GET", "https://chat.example/me"), Tape(Head(200), (Chunk(0.1, b'{"a": 1}'),)))
    async with opened(written(tmp_path, login, streamed("Hel", "Hello", "No"))) as tab:
        features = [{"name": "prefers-reduced-motion", "value": motion}]
        await tab.call("Emulation.setEmulatedMedia", features=features)
        assert await tab.value("[...document.querySelectorAll('h2')].map((each) => each.textContent[0])") == ["2", "1"]
        assert (await tab.value(PLAYED), await tab.value(CURSOR)) == ("No", "hidden")
        seen = (
            "window.seen = []; new MutationObserver(() => { const now = %s; if (seen.at(-1) !== now) seen.push(now); })"
        )
        await tab.value(f"{seen % PLAYED}.observe(document.getElementById('text-2'), {{childList: true}})")
        await tab.value("document.querySelector('.player button').focus()")
        await tab.press("Enter", "\r")
        assert await tab.value("document.activeElement.textContent") == "Pause"
        ended = "new Promise((go) => { const look = () => %s === 'hidden' ? go() : setTimeout(look, 5); look(); })"
        await tab.value(ended % CURSOR)
        assert await tab.value("seen") == ["", "Hel", "Hello", "No"]
        assert await tab.value("document.activeElement.textContent") == "Play"
        await tab.value("const slider = document.querySelector('.player input'); slider.value = 210; slider.focus()")
        await tab.value("slider.dispatchEvent(new Event('input'))")
        assert (await tab.value(PLAYED), await tab.value(CURSOR)) == ("Hello", "visible")
        assert await tab.value(STANDS) == pytest.approx(0.21 / await tab.value(END))
        await tab.press("Escape")
        assert (await tab.value(PLAYED), await tab.value(CURSOR)) == ("No", "hidden")
        assert tab.said("Log.entryAdded") == tab.said("Runtime.exceptionThrown") == []


@pytest.mark.browser
async def test_on_a_telephone_nothing_is_wider_than_the_screen(tmp_path: Path) -> None:
    long = "https://chat.example/" + "x" * 300
    body = Interaction(Request("GET", long), Tape(Head(200, "", (("X", "y" * 300),)), (Chunk(0.1, b"z" * 300),)))
    async with opened(written(tmp_path, body, streamed("Hello", "Hello " + "w" * 300))) as tab:
        screen = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        await tab.call("Emulation.setDeviceMetricsOverride", **screen)
        await tab.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert await tab.value("document.documentElement.scrollWidth") == 390
        wide = "[...document.querySelectorAll('body *')].filter((each) => !each.closest('.wide, .skip'))"
        assert await tab.value(f"{wide}.every((each) => each.getBoundingClientRect().right <= 390)")
        assert await tab.value("parseFloat(getComputedStyle(document.querySelector('pre')).fontSize)") >= 13


@pytest.mark.browser
async def test_a_screen_reader_hears_what_is_drawn(tmp_path: Path) -> None:
    async with opened(written(tmp_path, streamed("Hello", ending=Ending(EndingKind.RESET, 3.0, "ECONNRESET")))) as tab:
        nodes = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    heard = [
        (node["role"]["value"], node.get("name", {}).get("value", ""), node.get("description", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]
    described = (
        "Then came 2 chunks, the first after 100.0 ms. They held 1 event. A silence of 2.900 s began at 100.0 ms."
    )
    assert any(
        role == "image" and name == "Chunks and events over time" and described in text for role, name, text in heard
    ), [each for each in heard if each[0] == "image"]
    roles = {role for role, _, _ in heard}
    assert {"main", "banner", "navigation", "search", "table", "columnheader", "rowheader", "status"} <= roles
    assert ("searchbox", "Search the events (key /)", "") in heard
    assert any(role == "heading" and name.startswith("1. POST https://chat.example") for role, name, _ in heard)


@pytest.mark.browser
async def test_nothing_from_a_cassette_becomes_markup(tmp_path: Path) -> None:
    request = Request(EVIL, f"https://a.example/{EVIL}", ((EVIL, EVIL),), EVIL.encode())
    body = spoken(EVIL) + f"event: {EVIL}\ndata: {EVIL}\n\n{EVIL}\n\nhalf {EVIL}".encode()
    headers = (*STREAM, (EVIL, EVIL))
    tape = Tape(Head(200, EVIL, headers), (Chunk(0.1, body),), Ending(EndingKind.RESET, 0.2, EVIL))
    plain = Interaction(request, Tape(Head(0), (Chunk(0, b"\xff" + EVIL.encode()),), Ending(note=EVIL)))
    evil = Interaction(request, tape, Provenance(EVIL, EVIL, EVIL))
    async with opened(written(tmp_path, evil, plain, name=EVIL)) as tab:
        assert await tab.value("window.hacked") is None
        assert await tab.value("document.images.length + document.querySelectorAll('script').length") == 1
        assert await tab.value("document.querySelectorAll('h2').length") == 2
        text = await tab.value("document.body.textContent")
        assert tab.said("Log.entryAdded") == []
    shown = EVIL.replace("\u202e", "\\u202e").replace("\x1b", "\\u001b")
    assert text.count(shown) >= 12


@pytest.mark.parametrize(
    "ending", [Ending(), Ending(EndingKind.UNCONNECTED, 0.0, "refused")], ids=lambda each: each.kind
)
def test_an_exchange_without_any_bytes_has_its_page(ending: Ending) -> None:
    text = page(
        "c.yaml", {1: timeline_of(Interaction(Request("GET", "https://a.example/"), Tape(Head(0), (), ending)))}
    )
    assert "<script>" not in text
    assert ("<svg" in text) is (ending.kind is not EndingKind.COMPLETE)


def test_a_stream_stands_before_the_logins_that_came_before_it() -> None:
    login = Interaction(Request("GET", "https://chat.example/me"), Tape(Head(200), (Chunk(0.1, b"{}"),)))
    told = page("x.yaml", {1: timeline_of(login), 2: timeline_of(streamed("Hello")), 3: timeline_of(login)})
    places = [told.index(f'id="interaction-{number}"') for number in (2, 1, 3)]
    assert places == sorted(places)


def test_the_page_is_small_beside_its_data() -> None:
    assert len(page("c.yaml", {1: timeline_of(streamed("Hello"))})) < 20_000


def test_a_long_stream_is_a_drawing_of_bounded_size() -> None:
    chunks = tuple(Chunk(number / 1000, b"data: x\n\n") for number in range(20_000))
    tape = Tape(Head(200, "OK", STREAM), chunks, Ending(at=20.0))
    text = page("c.yaml", {1: timeline_of(Interaction(Request("GET", "https://a.example/"), tape))})
    (drawn,) = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawn) < 150_000
    assert "chunks 1 to 2" in drawn
    assert text.count("data-event=") == 20_000


def test_silences_endings_and_the_axis_are_drawn() -> None:
    broken = page(
        "c.yaml", {1: timeline_of(streamed("a", "b", "c", ending=Ending(EndingKind.TIMEOUT, 4.0, "sock_read")))}
    )
    assert ">silence, 3.700 s</text>" in broken
    assert 'class="end broken"' in broken
    assert ">timeout, 4.000 s</text>" in broken
    for tick in ("0 s", "0.5 s", "1 s", "4 s"):
        assert f">{tick}</text>" in broken
    quick = page("c.yaml", {1: timeline_of(streamed("a", ending=Ending(at=0.15)))})
    assert ">100 ms</text>" in quick
    assert 'class="end"' in quick


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_a_browser_it_is_said_and_ci_fails(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no browser: to test the page install chromium"):
        executable()
