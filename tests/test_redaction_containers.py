"""Secrets in zip archives and PNG images: taken out so that they can be read, or an error that says where."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from fakegpt_testkit import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.errors import SecretStays
from fakegpt_testkit.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

KEY = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
TOKEN = "w3Nz8Jd6Hs1Gf5Ty9Qa2"
WORD = "REDACTED-A-KEY-1"
PIXELS = b"IDAT", zlib.compress(bytes(64))


def answer(kind: str, body: bytes) -> Interaction:
    half = len(body) // 2
    tape = Tape(Head(200, "OK", (("Content-Type", kind),)), (Chunk(0.0, body[:half]), Chunk(1.0, body[half:])))
    return Interaction(Request("GET", "https://a.example/file"), tape)


def stored(kind: str, body: bytes) -> bytes:
    """What a recording keeps of it; a second redaction changes nothing."""
    (kept,) = Redactor(None, {"A_KEY": KEY}).interactions([answer(kind, body)], "a.yaml")
    (again,) = Redactor(None, {"A_KEY": KEY}).interactions([kept], "a.yaml")
    assert again == kept
    assert [chunk.at for chunk in kept.response.chunks] == [0.0, 1.0]
    return kept.response.body


def zipped(members: dict[str, bytes], packing: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        archive.comment = comment
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), content, packing)
    return file.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_s_members_are_read_and_written_again(packing: int) -> None:
    members = {
        "a/settings.ini": f"user = ann\npassword = {TOKEN}\n".encode(),
        "b.txt": f"the key is {KEY}, ".encode() * 40,
        "c.bin": bytes(range(9, 256)),
    }
    body = zipped(members, packing, f"made with {KEY}".encode())
    with zipfile.ZipFile(io.BytesIO(stored("application/zip", body))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(members)
        assert archive.comment == f"made with {WORD}".encode()
        assert archive.read("b.txt") == f"the key is {WORD}, ".encode() * 40
        assert archive.read("a/settings.ini") == b"user = ann\npassword = REDACTED-password-1\n"
        assert archive.read("c.bin") == members["c.bin"]
        assert {each.compress_type for each in archive.infolist()} == {packing}
        assert {each.date_time for each in archive.infolist()} == {(2026, 1, 2, 3, 4, 6)}
    harmless = zipped({"a.txt": b"nothing"}, packing)
    assert stored("application/zip", harmless) == harmless


def png(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        body += len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return body


def parts_of(body: bytes) -> list[tuple[bytes, bytes]]:
    parts, at = [], 8
    while at < len(body):
        end = at + 8 + int.from_bytes(body[at : at + 4], "big")
        kind, data = body[at + 4 : at + 8], body[at + 8 : end]
        assert zlib.crc32(kind + data) == int.from_bytes(body[end : end + 4], "big")
        parts.append((kind, data))
        at = end + 4
    return parts


TEXT = f"steps: 20, key {KEY}".encode()
CHUNKS: dict[str, tuple[tuple[bytes, bytes], Callable[[bytes], bytes]]] = {
    "plain": ((b"tEXt", b"parameters\0" + TEXT), lambda data: data.partition(b"\0")[2]),
    "packed": ((b"zTXt", b"parameters\0\0" + zlib.compress(TEXT)), lambda data: zlib.decompress(data[12:])),
    "of any language": ((b"iTXt", b"Title\0\0\0de\0Titel\0" + TEXT), lambda data: data.rpartition(b"\0")[2]),
    "of any language, packed": (
        (b"iTXt", b"Title\0\1\0de\0Titel\0" + zlib.compress(TEXT)),
        lambda data: zlib.decompress(data[len(b"Title\0\1\0de\0Titel\0") :]),
    ),
    "of a camera": ((b"eXIf", b"MM\0*" + TEXT), lambda data: data[4:]),
}


@pytest.mark.parametrize(("part", "read"), CHUNKS.values(), ids=CHUNKS.keys())
def test_an_image_s_texts_are_read_and_written_again(part: tuple[bytes, bytes], read: Callable[[bytes], bytes]) -> None:
    body = png((b"IHDR", bytes(13)), part, PIXELS, (b"IEND", b""))
    parts = parts_of(stored("image/png", body))
    assert [kind for kind, _ in parts] == [b"IHDR", part[0], b"IDAT", b"IEND"]
    assert parts[2] == PIXELS
    assert read(parts[1][1]).startswith(b"steps: 20, key REDACTED-")
    assert KEY.encode() not in read(parts[1][1])
    plain = png((b"IHDR", bytes(13)), PIXELS, (b"IEND", b""))
    assert stored("image/png", plain) == plain


def test_a_workflow_in_an_image_is_read_by_its_names() -> None:
    body = png((b"tEXt", b'prompt\0{"api_key": "%s"}' % TOKEN.encode()), PIXELS, (b"IEND", b""))
    assert TOKEN.encode() not in stored("image/png", body)


def test_what_is_too_large_to_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakegpt_testkit.redaction.containers._MOST", 10)
    with pytest.raises(SecretStays, match="zip archive") as failed:
        stored("application/zip", zipped({"a.txt": f"the key is {KEY}".encode()}))
    assert KEY not in str(failed.value)


@pytest.mark.parametrize("body", [zipped({"a": b"x"})[:-9] + KEY.encode(), png((b"tEXt", b"a\0b"))[:-2] + KEY.encode()])
def test_one_that_is_damaged_is_read_as_bytes(body: bytes) -> None:
    now = stored("application/octet-stream", body)
    assert KEY.encode() not in now
    assert len(now) == len(body)
