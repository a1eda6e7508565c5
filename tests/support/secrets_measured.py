"""Records planted secrets and harmless texts through a real client to real files, and looks what is in the files.

Knows no redaction: a file is read raw and in every encoding that a secret may hide in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import codecs
import html
import json
import math
import re
import zlib
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import aiohttp
import yaml
import yarl

from fakegpt_testkit import cassette as cassettes
from fakegpt_testkit import use_cassette
from support.secrets_planted import Planted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    import pytest

TOGETHER = 12
"""Cases in one cassette: what one shows to be a secret is not in another, and a file a case costs a minute."""


@asynccontextmanager
async def serving(cases: Sequence[Planted]) -> AsyncIterator[str]:
    """A server that gives the answer of the case whose number a request's header tells."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?i)\r\ncontent-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        number = re.search(r"(?i)\r\nx-case: (\d+)", head)
        assert number
        case = cases[int(number[1])]
        lines = [f"HTTP/1.1 200 {case.reason}", f"Content-Type: {case.answer_kind}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in case.answer_headers]
        lines.append(f"Content-Length: {len(case.answer)}")
        writer.write("\r\n".join((*lines, "", "")).encode() + case.answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def record(cases: Sequence[Planted], path: Path) -> list[bytes]:
    """Send each case, and what its client got."""
    got = []
    async with serving(cases) as url:
        with use_cassette(path, record_mode="new_episodes"):
            async with aiohttp.ClientSession() as session:
                for number, case in enumerate(cases):
                    headers = [*case.headers, ("X-Case", str(number)), ("Content-Type", case.kind)]
                    address = yarl.URL(url + case.path, encoded=True)
                    async with session.post(address, headers=headers, data=case.body, allow_redirects=False) as answer:
                        got.append(await answer.read())
    return got


async def surviving(cases: Sequence[Planted], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the cases whose secret is in the file that they were recorded to."""
    for case in cases:
        if case.variable:
            monkeypatch.delenv(case.variable, raising=False)
    found = []
    for at, group in enumerate(grouped(cases)):
        with monkeypatch.context() as patch:
            for case in group:
                if case.variable:
                    patch.setenv(case.variable, case.secret)
            path = folder / f"{at}.yaml"
            await record(group, path)
        shown = b"\n\n".join(views_of(path.read_bytes()))
        found += [case.id for case in group if case.secret.encode() in shown]
    return found


def grouped(cases: Sequence[Planted]) -> list[list[Planted]]:
    """About a dozen together; no two of a group want one variable."""
    wanted = Counter(case.variable for case in cases if case.variable)
    groups = max(math.ceil(len(cases) / TOGETHER), *wanted.values(), 1)
    by_variable = sorted(cases, key=lambda case: case.variable)
    return [by_variable[at::groups] for at in range(groups)]


def views_of(data: bytes) -> Iterator[bytes]:
    """A cassette raw, and all that its strings say in any encoding."""
    yield data
    seen: dict[bytes, int] = {}
    for text in strings(yaml.load(data, Loader=yaml.CSafeLoader)):
        yield from views(text, seen)


def strings(value: object) -> Iterator[bytes]:
    """Every text and every bytes of a cassette, bodies kept in chunks also as one."""
    match value:
        case str():
            yield value.encode("utf-8", "surrogateescape")
        case bytes():
            yield value
        case dict():
            for key, each in value.items():
                yield from strings(key)
                yield from strings(each)
        case list():
            whole = [text for each in value for text in strings(each)]
            yield from whole
            yield b"".join(whole)


def views(data: bytes, seen: dict[bytes, int], deeper: int = 3) -> Iterator[bytes]:
    """The bytes, and what they say when decoded; what was ``seen``, and decoded as deeply, is not said again."""
    if seen.get(data, -1) >= deeper:
        return
    yield data
    seen[data] = deeper
    for view in _decoded(data) if deeper else ():
        if view:
            yield from views(view, seen, deeper - 1)


def _decoded(data: bytes) -> Iterator[bytes]:
    yield from _unpacked(data)
    if b"\0" in data or data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            yield data.decode(encoding, "ignore").encode("utf-8", "replace")
    if b"%" in data:
        yield unquote_to_bytes(data)
    text = data.decode("utf-8", "replace")
    if "&" in text:
        yield html.unescape(text).encode()
    if "\\" in text:
        escape = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.)", re.DOTALL)
        yield escape.sub(lambda at: at[3] or chr(int(at[1] or at[2], 16)), text).encode("utf-8", "replace")
    for run in re.findall(rb"[A-Za-z0-9+/_-]{16,}", data):
        for skipped in range(4):
            whole = run[skipped:].translate(bytes.maketrans(b"-_", b"+/"))
            whole = whole[: len(whole) - (len(whole) % 4 == 1)]
            yield base64.b64decode(whole + b"=" * (-len(whole) % 4))
    for run in re.findall(rb"(?:[0-9A-Fa-f]{2}[:]?){8,}", data):
        with_text = run.replace(b":", b"")
        try:
            yield bytes.fromhex(with_text.decode())
        except (ValueError, binascii.Error):
            continue
    yield from _deltas(text)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for window in (31, -15, 15):
        with_rest = zlib.decompressobj(window)
        try:
            yield with_rest.decompress(data)
        except zlib.error:
            continue
        if with_rest.unused_data:
            yield with_rest.unused_data


def _deltas(text: str) -> Iterator[bytes]:
    lanes: dict[tuple[object, ...], str] = {}
    for line in text.splitlines():
        try:
            value = json.loads(line.removeprefix("data:").strip())
        except (ValueError, RecursionError):
            continue
        for path, each in _leaves(value, ()):
            lanes[path] = lanes.get(path, "") + each
    for lane in lanes.values():
        yield lane.encode("utf-8", "replace")


def _leaves(value: object, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _leaves(each, (*path, at))


def chat_answer(text: str) -> bytes:
    """A text as a chat gives it: in deltas of a stream."""
    pieces = [text[at : at + 40] for at in range(0, len(text), 40)]
    events = [json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
    return "".join(f"data: {each}\n\n" for each in [*events, "[DONE]"]).encode()


def harmless(least: int = 640) -> list[tuple[str, str]]:
    """Texts of 4 kB, each with where it is from: Python's own sources, and the documents of what is installed."""
    import sysconfig
    from pathlib import Path

    library = Path(sysconfig.get_paths()["stdlib"])
    packages = Path(sysconfig.get_paths()["purelib"])
    sources = sorted(library.glob("*.py")) + sorted(library.glob("*/*.py"))
    sources = [each for each in sources if "site-packages" not in each.parts]
    documents = sorted(packages.glob("*/METADATA"))
    texts = []
    for path in (*documents[:200], *sources):
        text = path.read_text("utf-8", "replace")
        texts += [(f"{path.parent.name}/{path.name}@{at}", text[at : at + 4096]) for at in range(0, len(text), 4096)][
            :3
        ]
        if len(texts) >= least:
            break
    return texts[:least]


async def changed(texts: Sequence[tuple[str, str]], folder: Path) -> list[str]:
    """Where each text is from that a recording keeps otherwise than its client got it."""
    found = []
    for at in range(0, len(texts), TOGETHER):
        group = texts[at : at + TOGETHER]
        cases = [
            Planted(source, "", answer=chat_answer(text), answer_kind="text/event-stream") for source, text in group
        ]
        path = folder / f"harmless-{at}.yaml"
        got = await record(cases, path)
        kept = [each.response.body for each in cassettes.loads(path.read_bytes(), str(path)).interactions]
        found += [case.id for case, was, now in zip(cases, got, kept, strict=True) if was != now]
    return found
