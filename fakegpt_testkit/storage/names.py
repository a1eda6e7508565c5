"""Gives every test's cassette a path of its own inside the cassettes' folder, on every file system.

Two different test ids never get the same path, not even where upper and lower case are one. Reads no file; looks only
which names are there, and whether a link leads out of the folder.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
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

    ``tests/`` and ``.py`` are left out: ``test_chat/TestChat.test_greets[de].yaml``. A module elsewhere keeps its
    whole path and its ``.py``. Where another name is there already that differs in capitals alone, ``~`` and a number
    follow that tells which letters are; so they do where such a name is there from before.
    """
    module, colons, test = test_id.partition("::")
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
    name += _escaped(bracket + parameters, _UNSAFE) if bracket else "" if test or not colons else "%"
    path = os.fspath(folder)  # texts as far as it goes: each test of a suite asks this twice
    for each in folders:
        path = os.path.join(path, _component(path, each))  # noqa: PTH118
    path = os.path.join(path, _component(path, name, SUFFIX))  # noqa: PTH118
    _refuse_links_out(folder, path, test_id)
    return type(folder)(path)


def worded_beside(path: Path) -> tuple[str, ...]:
    """The names of the cassettes beside this one that are this test's with other parameters, and with words in them."""
    test, bracket, _ = path.name.partition("[")
    try:
        changed = os.stat(path.parent).st_mtime_ns  # noqa: PTH116 - once for each test of a suite
        worded = _worded(os.fspath(path.parent), changed) if bracket else {}
    except OSError:
        return ()
    return worded.get(test, ())


@lru_cache(maxsize=256)
def _worded(folder: str, changed: int) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in (each for some in _listed(folder, changed)[0].values() for each in some):
        if "[" in name and "REDACTED-" in name and name.endswith(SUFFIX):
            found.setdefault(name.partition("[")[0], []).append(name)
    return {test: tuple(names) for test, names in found.items()}


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
    _refuse_links_out(folder, os.path.join(folder, *parts), name)  # noqa: PTH118
    return folder.joinpath(*parts)


def _refuse(folder: Path, name: str, parts: list[str]) -> None:
    if not name:
        raise CassetteNameRefused(name, str(folder), "it is empty")
    if ".." in parts:
        raise CassetteNameRefused(name, str(folder), "it goes up with '..'")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise CassetteNameRefused(name, str(folder), "it is absolute")


def _refuse_links_out(folder: Path, path: str, name: str) -> None:
    if os.name == "posix" and not _has_link(os.fspath(folder), path):
        return  # a third of the time that it takes to resolve both
    inner, outer = (os.path.normcase(os.path.realpath(each)) for each in (path, folder))
    if not inner.startswith(outer.rstrip(os.sep) + os.sep):
        raise CassetteNameRefused(name, str(folder), "a link leads out of the folder")


def _has_link(folder: str, path: str) -> bool:
    """Whether something below the folder, on the way to the path, is a link."""
    while len(path) > len(folder):
        if os.path.islink(path):  # noqa: PTH114
            return True
        path = path.rpartition(os.sep)[0]
    return False


def _escaped(text: str, unsafe: re.Pattern[str]) -> str:
    """The text with each unsafe character as the ``%xx`` of its UTF-8 bytes; never empty."""
    return unsafe.sub(_percent, text) or "%"


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in match[0].encode("utf-8", "surrogatepass"))


def _component(folder: str, escaped: str, suffix: str = "") -> str:
    """One name in a folder: unique without regard to case, not too long, and none that Windows keeps for itself."""
    if _RESERVED.match(escaped):
        escaped = f"%{ord(escaped[0]):02x}{escaped[1:]}"
    plain = f"{_cut(escaped)}{suffix}"
    there, is_numbered = _names_in(folder)
    others = any(each != plain for each in there.get(plain.lower(), ()))
    if not others and not is_numbered:  # so it is in nearly all suites
        return plain
    letters = [character for character in escaped if character.isalpha()]
    capitals = sum(1 << place for place, letter in enumerate(letters) if letter.isupper())
    numbered = f"{_cut(f'{escaped}~{capitals:x}')}{suffix}"
    return numbered if others or numbered in there.get(numbered.lower(), ()) else plain


def _cut(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    import hashlib

    return f"{name[:_KEPT_OF_LONG]}~~{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _names_in(folder: str) -> tuple[dict[str, list[str]], bool]:
    """The names in a folder by what they are without capitals, and whether there is a number behind one."""
    try:
        return _listed(folder, os.stat(folder).st_mtime_ns)  # noqa: PTH116
    except OSError:
        return {}, False


@lru_cache(maxsize=256)
def _listed(folder: str, _changed: int) -> tuple[dict[str, list[str]], bool]:
    found: dict[str, list[str]] = {}
    for name in os.listdir(folder):  # noqa: PTH208
        found.setdefault(name.lower(), []).append(name)
    return found, any("~" in name for name in found)
