"""Gives every test's cassette a path of its own inside the cassettes' folder, on every file system.

Two different test ids never get the same path, not even where upper and lower case are one. Reads no file; looks only
whether a link leads out of the folder.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from fakegpt_testkit.errors import CassetteNameRefused

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".yaml"
_LONGEST = 200
_KEPT_OF_LONG = 150
_MAX_NAME = 255
_UNSAFE = re.compile(r"[^A-Za-z0-9_\-=,+@()\[\]{}.]")
_UNSAFE_OR_DOT = re.compile(r"[^A-Za-z0-9_\-=,+@()\[\]{}]")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")


def path_for(folder: Path, test_id: str) -> Path:
    """The cassette of a test, from its id as pytest writes it: ``tests/test_chat.py::TestChat::test_greets[de]``.

    ``tests/`` and ``.py`` are left out: ``test_chat/TestChat.test_greets[de]~11.yaml``. A module elsewhere keeps its
    whole path and its ``.py``. What follows ``~`` tells which letters are capitals.
    """
    module, _, test = test_id.partition("::")
    parts = module.split("/")
    _refuse(folder, test_id, parts)
    if parts[0] == "tests" and len(parts) > 1 and parts[-1].endswith(".py"):
        parts = [*parts[1:-1], parts[-1].removesuffix(".py")]
        ending = ""
    else:
        ending = ".py" if parts[-1].endswith(".py") else ".%"
        parts[-1] = parts[-1].removesuffix(".py")
    folders = [_escaped(part, _UNSAFE_OR_DOT) for part in parts]
    folders[-1] += ending
    called, bracket, parameters = test.partition("[")
    name = ".".join(_escaped(part, _UNSAFE_OR_DOT) for part in called.split("::"))
    name += _escaped(bracket + parameters, _UNSAFE) if bracket else ""
    path = folder.joinpath(*map(_component, folders), _component(name) + SUFFIX)
    return _without_links_out(folder, path, test_id)


def inside(folder: Path, name: str) -> Path:
    """The cassette that a test names itself, such as ``login/first``; the suffix may be left out."""
    parts = name.split("/")
    _refuse(folder, name, parts)
    if not all(parts) or "\\" in name or "\0" in name:
        raise CassetteNameRefused(name, str(folder), "it has an empty part or a backslash")
    if not parts[-1].endswith((SUFFIX, ".yml")):
        parts[-1] += SUFFIX
    if max(len(os.fsencode(part)) for part in parts) > _MAX_NAME:
        raise CassetteNameRefused(name, str(folder), f"a part of it is longer than {_MAX_NAME} bytes")
    return _without_links_out(folder, folder.joinpath(*parts), name)


def _refuse(folder: Path, name: str, parts: list[str]) -> None:
    if not name:
        raise CassetteNameRefused(name, str(folder), "it is empty")
    if ".." in parts:
        raise CassetteNameRefused(name, str(folder), "it goes up with '..'")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise CassetteNameRefused(name, str(folder), "it is absolute")


def _without_links_out(folder: Path, path: Path, name: str) -> Path:
    inner, outer = (os.path.normcase(os.path.realpath(each)) for each in (path, folder))
    if not inner.startswith(outer.rstrip(os.sep) + os.sep):  # as texts: each test of a suite asks this twice
        raise CassetteNameRefused(name, str(folder), "a link leads out of the folder")
    return path


def _escaped(text: str, unsafe: re.Pattern[str]) -> str:
    """The text with each unsafe character as the ``%xx`` of its UTF-8 bytes; never empty."""
    return unsafe.sub(_percent, text) or "%"


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in match[0].encode("utf-8", "surrogatepass"))


def _component(escaped: str) -> str:
    """One file name, unique without regard to case, not too long, and none that Windows keeps for itself."""
    if _RESERVED.match(escaped):
        escaped = f"%{ord(escaped[0]):02x}{escaped[1:]}"
    letters = [character for character in escaped if character.isalpha()]
    capitals = sum(1 << place for place, letter in enumerate(letters) if letter.isupper())
    unique = f"{escaped}~{capitals:x}" if capitals else escaped
    if len(unique) <= _LONGEST:
        return unique
    import hashlib

    return f"{unique[:_KEPT_OF_LONG]}~~{hashlib.sha256(unique.encode()).hexdigest()[:32]}"
