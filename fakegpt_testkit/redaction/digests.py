"""Makes the checksums of a changed body true again that its headers tell.

Knows no secrets. A checksum that was false before stays as it is: the client saw a false one.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Headers

_HASHES: Final = {
    "content-md5": "md5",
    "x-amz-checksum-sha1": "sha1",
    "x-amz-checksum-sha256": "sha256",
    "x-amz-content-sha256": "sha256",
    "docker-content-digest": "sha256",
    "etag": "md5",
}
_CRC32C: Final = 0x82F63B78
_CRC64NVME: Final = 0x9A6C9329AC4BC9B5
"""The polynomials, their bits in reverse."""


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _cyclic(data: bytes, polynomial: int, size: int) -> bytes:
    """A checksum that the standard library has not; as slow as Python is, for bodies that hold a secret."""
    table, crc = _table(polynomial), (1 << 8 * size) - 1
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return (crc ^ (1 << 8 * size) - 1).to_bytes(size, "big")


_CYCLIC: Final[dict[str, Callable[[bytes], bytes]]] = {
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-crc32c": lambda data: _cyclic(data, _CRC32C, 4),
    "x-amz-checksum-crc64nvme": lambda data: _cyclic(data, _CRC64NVME, 8),
}
_DIGESTS: Final = frozenset({"digest", "content-digest", "repr-digest"})
_MEMBER: Final = re.compile(r"(md5|sha-256|sha-512|sha|sha256)=:?([A-Za-z0-9+/]{8,}={0,2}):?", re.IGNORECASE)
_NAMES: Final = {"md5": "md5", "sha-256": "sha256", "sha256": "sha256", "sha-512": "sha512", "sha": "sha1"}


def true_again(headers: Headers, before: bytes, after: bytes) -> Headers:
    """The headers with each checksum of the body before in the place of which stands that of the body after."""
    if before == after:
        return headers
    return tuple((name, _renewed(name.lower(), value, before, after)) for name, value in headers)


def _renewed(name: str, value: str, before: bytes, after: bytes) -> str:
    if name in _DIGESTS:
        return _MEMBER.sub(lambda found: _same_form(found[0], _NAMES[found[1].lower()], before, after), value)
    if name in _CYCLIC:
        crc = _CYCLIC[name]
        return _in_base64(crc(after)) if value == _in_base64(crc(before)) else value
    if name in _HASHES:
        return _same_form(value, _HASHES[name], before, after)
    return value


def _in_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _same_form(whole: str, algorithm: str, before: bytes, after: bytes) -> str:
    old, new = (hashlib.new(algorithm, each, usedforsecurity=False).digest() for each in (before, after))
    forms: tuple[Callable[[bytes], str], ...] = (lambda raw: base64.b64encode(raw).decode(), bytes.hex)
    for form in forms:
        if form(old) in whole:
            return whole.replace(form(old), form(new))
    return whole
