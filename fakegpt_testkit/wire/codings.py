"""Takes a content coding off a body as its bytes come, by RFC 9110, 8.4.1.

Knows no framing. br and zstd are read where the package that reads them is installed, as clients do it.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol

from fakegpt_testkit.bodies import BARE, GZIP, ZLIB, TooLarge, inflated
from fakegpt_testkit.exchange import content_coding

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Headers


_GZIP_MAGIC: Final = b"\x1f\x8b"
_INFLATED: Final = frozenset({"gzip", "x-gzip", "deflate"})


class Undecodable(Exception):
    """The bytes are not what ``Content-Encoding`` says."""


class Decoder(Protocol):
    """Takes coded bytes, gives what they decode to so far. Raises ``Undecodable``."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is taken off."""

    def decode(self, data: bytes) -> bytes: ...


class Identity:
    """No coding."""

    is_plain = True

    def decode(self, data: bytes) -> bytes:
        return data


class Inflating:
    """gzip, of one member or several, and deflate; deflate also without zlib's head, as some servers send it.

    Bytes after the coding's end are given as they are: clients pass over them, but nobody should who looks for secrets.
    """

    is_plain = False

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflate: zlib._Decompress | None = None
        self._had_one = self._ended = False

    def decode(self, data: bytes) -> bytes:
        if len(data) <= _AT_ONCE:
            return self._decode(data)
        out = BytesIO()  # zlib would hold twice what it gives
        for at in range(0, len(data), _AT_ONCE):
            out.write(self._decode(data[at : at + _AT_ONCE]))
        return out.getvalue()

    def _decode(self, data: bytes) -> bytes:
        out = b""
        while data:
            if self._inflate is None:
                if self._had_one and not self._begins_another(data):
                    return out + data
                is_raw = self._window_bits == zlib.MAX_WBITS and data[0] & 0xF != 8  # RFC 1950, 2.2: 8 is the method
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS if is_raw else self._window_bits)
            try:
                out += self._inflate.decompress(data)
            except zlib.error as wrong:
                raise Undecodable(str(wrong)) from None
            data = self._inflate.unused_data
            if self._inflate.eof:
                self._inflate, self._had_one = None, True
        return out

    def _begins_another(self, data: bytes) -> bool:
        self._ended = self._ended or self._window_bits <= zlib.MAX_WBITS or not _GZIP_MAGIC.startswith(data[:2])
        return not self._ended


class Installed:
    """A coding that a package reads: whatever that raises, the bytes are not of it."""

    is_plain = False

    def __init__(self, decode: Callable[[bytes], bytes], is_whole: Callable[[], bool]) -> None:
        self._decode = decode
        self._is_whole = is_whole

    def decode(self, data: bytes) -> bytes:
        try:
            return bytes(self._decode(data))
        except Exception as wrong:
            raise Undecodable(str(wrong)) from None

    def is_whole(self) -> bool:
        """Whether the coding's own end has come."""
        return self._is_whole()


def _read_brotli(module: Any) -> Installed:
    decoder = module.Decompressor()
    return Installed(getattr(decoder, "process", None) or decoder.decompress, decoder.is_finished)


def _read_zstd(module: Any) -> Installed:
    decoder = module.ZstdDecompressor()
    return Installed(decoder.decompress, lambda: bool(decoder.eof))


def _read_zstandard(module: Any) -> Installed:
    decoder = module.ZstdDecompressor().decompressobj()
    return Installed(decoder.decompress, lambda: bool(decoder.eof))


_PACKAGES: Final[dict[str, dict[str, Callable[[Any], Installed]]]] = {
    "br": {"brotlicffi": _read_brotli, "brotli": _read_brotli},
    "zstd": {"compression.zstd": _read_zstd, "backports.zstd": _read_zstd, "zstandard": _read_zstandard},
}

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\t\n\f\r\x1b")
_AT_ONCE: Final = 4096
"""Packed bytes that are unpacked at once: some MB can come of them."""
_PIECE: Final = 64
"""So many bytes are unpacked before the bound is looked at; a megabyte can come of each."""


def is_known(coding: str) -> bool:
    """Whether somebody here reads this coding."""
    return coding in _INFLATED or _by_package(coding) is not None


def without(body: bytes, coding: str, most: int) -> bytes | None:
    """The body without one coding; None when it is not in it as a whole, or nobody here reads it.

    Raises ``TooLarge`` for more than ``most`` bytes.
    """
    if coding in {"gzip", "x-gzip"}:
        return inflated(body, GZIP, most) if body.startswith(_GZIP_MAGIC) else None
    if coding == "deflate":
        if not body or body.startswith(_GZIP_MAGIC):
            return None
        plain = inflated(body, ZLIB, most)
        return inflated(body, BARE, most) if plain is None else plain  # some servers send it without zlib's frame
    plain = _unpacked_by_package(body, coding, most)
    if plain is not None and len(plain) > most:
        raise TooLarge
    return plain


def _unpacked_by_package(body: bytes, coding: str, most: int) -> bytes | None:
    """The body without a coding that needs a package, or more than ``most`` bytes of it.

    None when the body is not in this coding as a whole, or nobody here reads it.
    """
    if not looks_packed(body, coding):
        return None
    decoder = _by_package(coding)
    if decoder is None:
        return None
    parts, size = [], 0
    try:
        for start in range(0, len(body), _PIECE):
            parts.append(decoder.decode(body[start : start + _PIECE]))
            size += len(parts[-1])
            if size > most:
                break
    except Undecodable:
        return None
    return b"".join(parts) if size > most or decoder.is_whole() else None


def looks_packed(body: bytes, coding: str) -> bool:
    """Whether a body can be in this coding: zstd has a magic number; br has none, and no text has its bytes."""
    if coding == "zstd":
        return body.startswith(_ZSTD_MAGIC)
    return coding == "br" and len(body) != len(body.translate(None, _CONTROLS))


def _by_package(coding: str) -> Installed | None:
    for package, opened in _PACKAGES.get(coding, {}).items():
        with suppress(ImportError):
            return opened(import_module(package))
    return None


def find_decoder(headers: Headers) -> Decoder:
    """A fresh decoder for the response's content coding; for one that nobody here reads, the bytes stay as they are."""
    coding = content_coding(headers)
    if coding in {"gzip", "x-gzip"}:
        return Inflating(16 + zlib.MAX_WBITS)
    if coding == "deflate":
        return Inflating(zlib.MAX_WBITS)
    return _by_package(coding) or Identity()


class Decoding:
    """A body's content coding as it is taken off; a body that was never of its coding is given as it came."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers
        self._decoder = find_decoder(headers)
        self._undecided: bytes | None = b""  # until it has decoded to something
        self.is_coded = not self._decoder.is_plain
        self.mislabelled = False

    def decode(self, part: bytes) -> bytes:
        """What the bytes decode to. Raises ``Undecodable`` where a body that was of its coding stops being so."""
        if self._undecided is not None:
            self._undecided += part
        try:
            out = self._decoder.decode(part)
        except Undecodable:
            if self._undecided is None or _gives_something(find_decoder(self._headers), self._undecided):
                raise
            self.mislabelled = True
            self._decoder = Identity()
            out = self._undecided
        if out:
            self._undecided = None
        return out


def _gives_something(decoder: Decoder, data: bytes) -> bool:
    """Whether bytes that do not decode as a whole are of the coding at their beginning."""
    try:
        return any(decoder.decode(data[at : at + 1]) for at in range(len(data)))
    except Undecodable:
        return False
