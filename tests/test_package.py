"""The package as others import it."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fakegpt_testkit
from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.fakegpt.site import CONVERSATION, HOST, LOADS, LOGIN, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = [pytest.mark.once, pytest.mark.untraced]


def run(code: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", fakegpt_testkit.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(fakegpt_testkit, name) is not None
    assert name in dir(fakegpt_testkit)


def test_each_name_that_is_imported_late_is_there() -> None:
    for room in (Path(fakegpt_testkit.__file__).parent).rglob("__init__.py"):
        if "defer(__name__" not in room.read_text():
            continue
        package = importlib.import_module(
            ".".join(room.parent.relative_to(Path(fakegpt_testkit.__file__).parents[1]).parts)
        )
        missing = [name for name in {*dir(package), *package.__all__} if not hasattr(package, name)]
        assert not missing, (room, missing)


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'FakeGtp'"):
        _ = fakegpt_testkit.FakeGtp


def test_importing_the_plugin_loads_nothing_that_pytest_has_not_loaded() -> None:
    code = """
import sys, pytest
clean = set(sys.modules)
import fakegpt_testkit.plugin
came = set(sys.modules) - clean
print(*sorted(name for name in came if not name.startswith("fakegpt_testkit")))
print(*sorted({name.split(".")[1] for name in came if "." in name}))
"""
    outside, rooms = run(code).splitlines()
    assert outside == ""
    assert {*rooms.split()} == {
        *("ci", "deferred", "errors", "fakegpt", "guard", "importing", "nesting", "plugin", "profiles", "wording"),
    }


def test_a_suite_that_does_not_use_us_is_not_watched(tmp_path: Path) -> None:
    """The hook that sees servers is called for some hundred events of a test, and stays for good."""
    (tmp_path / "test_theirs.py").write_text("def test_theirs(): assert 0\n")
    (tmp_path / "test_ours.py").write_text("import pytest\n@pytest.mark.fakegpt\ndef test_ours(): pass\n")
    code = (
        "import pytest, sys; from fakegpt_testkit.guard import listening; "
        "pytest.main([sys.argv[1], '-qq', '-p', 'no:cacheprovider', '--tb=no', '--no-summary', '--no-header']); "
        "print(listening._install.cache_info().currsize, 'fakegpt_testkit.recorder' in sys.modules)"
    )
    for name, seen in (("test_theirs.py", ["0", "False"]), ("test_ours.py", ["1", "True"])):
        assert run(code, str(tmp_path / name)).split()[-2:] == seen, name


def test_the_core_loads_no_http_library() -> None:
    rooms = "sse, dialects, exchange, matching, redaction"
    code = f"import sys; from fakegpt_testkit import {rooms}; print('aiohttp' in sys.modules, 'vcr' in sys.modules)"
    assert run(code).split() == ["False", "False"]


def test_only_its_own_room_knows_what_the_guests_service_is_called_and_how_it_is_asked() -> None:
    rooms = [each for each in ROOMS if "fakegpt" not in each.relative_to(ROOMS[0].parent).parts]
    words = [HOST, LOADS, LOGIN, SESSION, CONVERSATION, "parent_message_id", "text-davinci"]
    assert len(rooms) > 100
    assert {each.name: word for each in rooms for word in words if word in each.read_text(encoding="utf-8")} == {}
    faces = {"cli", "plugin", "__init__.py", "strategies.py"}
    core = [each for each in rooms if each.relative_to(ROOMS[0].parent).parts[0] not in faces]
    assert [each.name for each in core if re.search(r"\bFakeGpt\b", each.read_text(encoding="utf-8"))] == []


WORDS = (
    *("Chunk", "Cassette", "Difference", "Drift", "Ending", "Event", "EventKind", "Framing", "Interaction", "Kind"),
    *("Mismatch", "Profile", "Recording", "Session", "Severity", "Step", "Stream", "Tape", "Timeline", "Usage"),
    *("Answer", "End", "Finding", "Graded", "Head", "Blamed", "Pace", "Reading", "Settings"),
)


TWINS = {
    # what one client does waiting and another does awaiting, in a file for each
    "Backend": {"clients/httpcore/asynchronous.py", "clients/httpcore/synchronous.py"},
    "Ear": {"clients/httpcore/asynchronous.py", "clients/httpcore/synchronous.py"},
    "PlayedStream": {"clients/httpcore/asynchronous.py", "clients/httpcore/synchronous.py"},
    # the same of two libraries' requests
    "PlayedExchange": {"clients/aiohttp/connector.py", "clients/httpclient/exchanges.py"},
}
"""Names that stand for one thing in two files."""


ROOMS = sorted(Path(fakegpt_testkit.__file__).parent.rglob("*.py"))


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def defined(room: Path) -> Iterator[str]:
    """The classes of a file, within functions too, and its names for types."""
    for each in ast.walk(parsed(room)):
        match each:
            case (
                ast.ClassDef(name=name)
                | ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
            ) if re.fullmatch("_?[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*", name):
                yield name


def test_a_word_means_one_thing() -> None:
    homes: dict[str, set[str]] = {}
    for room in ROOMS:
        for name in defined(room):
            homes.setdefault(name.lstrip("_"), set()).add(room.relative_to(ROOMS[0].parent).as_posix())
    assert {name: rooms for name, rooms in homes.items() if len(rooms) > 1} == TWINS
    assert set(WORDS) <= set(homes)


VERBS = {
    # how many bytes of an answer its client took; the bytes of a file, of a network stream; all events of a stream
    "read": {
        *("clients/aiohttp/player.py", "clients/aiohttp/progress.py", "serving/plan.py", "timeline/stream.py"),
        *("wire/arrivals.py", "wire/deck.py", "storage/files.py", "sse.py"),
        *("clients/httpcore/asynchronous.py", "clients/httpcore/synchronous.py"),
    },
    # to ask the live service again, and compare
    "verify": {"cli/verify.py", "recorder/block.py"},
    # other chunks of the same bytes
    "recut": {"effects/recutting.py"},
    # an event as bytes
    "encode": {"sse.py"},
    # a cassette out of a journal
    "recover": {"cli/edit.py", "maintenance/catalog.py"},
}
"""Functions and methods of these names mean one thing, in the files that have one."""


def test_a_verb_means_one_thing() -> None:
    homes: dict[str, set[str]] = {verb: set() for verb in VERBS}
    for room in ROOMS:
        for each in ast.walk(parsed(room)):
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and (verb := each.name.lstrip("_")) in homes:
                homes[verb].add(room.relative_to(ROOMS[0].parent).as_posix())
    assert homes == VERBS


FORMER = {
    *("aging", "asking", "changing", "collecting", "connecting", "drawing", "inspection", "live", "looking", "looks"),
    *("marked", "redacting", "refusing", "run", "seam", "streams", "taking", "tally", "upkeep", "upstream", "usage"),
}
"""Rooms and files whose names did not tell what they do."""


def test_no_room_has_a_name_that_it_gave_up() -> None:
    names = {part for room in ROOMS for part in room.relative_to(ROOMS[0].parent).with_suffix("").parts}
    assert not FORMER & names
    assert not {"encode", "parse", "verify"} & set(fakegpt_testkit.__all__), "of what?"


def test_the_guest_is_not_imported_before_somebody_asks_what_is_known() -> None:
    code = (
        "import sys, fakegpt_testkit.plugin\n"
        "from fakegpt_testkit import dialects, profiles\n"
        "there = 'fakegpt_testkit.fakegpt.profile' in sys.modules\n"
        "print(there, dialects.dialect_named('fakegpt').name, [each.name for each in profiles.known()])\n"
        "print('fakegpt_testkit.fakegpt.provider' in sys.modules)"
    )
    assert run(code) == "False fakegpt ['fakegpt']\nFalse\n"


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of its code, without decorators, signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


MEANT = {
    "aiohttp": ("aiohttp",),
    "answer": ("fakegpt_testkit.dialects.answers",),
    "base64": ("base64",),
    "cassette": ("fakegpt_testkit.cassette",),
    "chunk": ("fakegpt_testkit.exchange.Chunk",),
    "client": ("fakegpt_testkit.clients",),
    "clock": ("time",),
    "colour": ("click", "rich"),
    "command": ("subprocess",),
    "connection": ("socket",),
    "deck": ("fakegpt_testkit.wire.deck",),
    "environment": ("os.environ",),
    "event": ("fakegpt_testkit.sse",),
    "exchange": ("fakegpt_testkit.exchange",),
    "file": ("tempfile", "pathlib.Path"),
    "framing": ("fakegpt_testkit.framing",),
    "guard": ("fakegpt_testkit.guard",),
    "header": ("fakegpt_testkit.exchange.Headers", "fakegpt_testkit.exchange.header"),
    "http": ("aiohttp", "http.client", "httpcore", "httpx", "requests", "urllib3"),
    "json": ("json", "msgspec"),
    "library": ("aiohttp", "httpcore", "httpx", "requests", "urllib3"),
    "model": ("fakegpt_testkit.dialects.models",),
    "network": ("aiohttp", "httpx", "socket"),
    "path": ("pathlib",),
    "player": ("fakegpt_testkit.clients.aiohttp.player", "fakegpt_testkit.serving.player"),
    "protocol": ("aiohttp.web", "h11", "http"),
    "provider": ("fakegpt_testkit.fakegpt",),
    "pytest": ("pytest",),
    "recording": ("fakegpt_testkit.recorder",),
    "redactor": ("fakegpt_testkit.redaction.Redactor", "fakegpt_testkit.redaction.redactor"),
    "response": ("fakegpt_testkit.exchange.Tape",),
    "rule": ("fakegpt_testkit.matching",),
    "secret": ("fakegpt_testkit.redaction.vault.Vault",),
    "server": ("fakegpt_testkit.serving",),
    "socket": ("socket",),
    "tape": ("fakegpt_testkit.exchange.Tape",),
    "task": ("asyncio.create_task",),
    "terminal": ("click", "rich"),
    "time": ("time",),
    "yaml": ("yaml",),
}
"""What a file imports that knows such a thing."""


def imported(tree: ast.Module) -> Iterator[str]:
    """What a file imports, for its types too."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Import):
            yield from (name.name for name in each.names)
        elif isinstance(each, ast.ImportFrom):
            yield from (f"{each.module}.{name.name}" for name in each.names)


def promised(opening: str) -> Iterator[str]:
    """The modules that a file does not know, by its opening."""
    for sentence in re.findall(r"[Kk]nows (?:no|neither|nothing of)\b[^.;:]*", opening):
        for word in re.findall(r"\b(?:no|neither|nor|or|of|and(?! no\b)) (\w+)", sentence):
            yield from MEANT.get(word.lower(), MEANT.get(word.lower().removesuffix("s"), ()))


def test_a_file_imports_nothing_that_it_says_it_does_not_know() -> None:
    promises = [(room, each) for room in ROOMS for each in promised(ast.get_docstring(parsed(room)) or "")]
    assert len(promises) > 300
    assert [
        (room.name, each)
        for room, each in promises
        if any(f"{name}.".startswith(f"{each}.") for name in imported(parsed(room)))
    ] == []


MOST_LINES = 400


def unlike_the_others(files: Iterable[Path], screen: int = 50) -> Iterator[tuple[str, str]]:
    """Files that do not say what they are, or are too long, and functions that are longer than a screen."""
    for file in files:
        tree = parsed(file)
        if file.read_text(encoding="utf-8").count("\n") > MOST_LINES:
            yield file.name, f"has more than {MOST_LINES} lines"
        if tree.body and not ast.get_docstring(tree):
            yield file.name, "does not say what it does"
        for each in ast.walk(tree):
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and length(each) > screen:
                yield file.name, f"{each.name} is longer than a screen"


def test_each_file_is_one_room_and_says_what_it_does() -> None:
    assert [*unlike_the_others(ROOMS)] == []


def test_what_the_tests_and_checks_use_is_kept_to_the_same() -> None:
    """Only a test may be a little longer than a screen."""
    root = Path(__file__).parents[1]
    kept = [
        file
        for folder in ("benchmarks", "docs", "examples", "fuzz", "scripts")
        for file in root.glob(f"{folder}/**/*.py")
    ]
    tests = [*root.glob("tests/**/*.py")]
    kept += [file for file in tests if not file.name.startswith("test_")]
    assert len(kept) > 60
    assert [*unlike_the_others(kept)] == []
    assert [*unlike_the_others(set(tests) - set(kept), screen=60)] == []


PLAYED = """
import asyncio, http.client, sys, aiohttp
clean = set(sys.modules)
from fakegpt_testkit import use_cassette

async def ask():
    async with aiohttp.ClientSession() as session, session.get("https://chat.example/") as response:
        await response.read()

with use_cassette({path!r}):
    asyncio.run(ask())
    connection = http.client.HTTPSConnection("chat.example")
    connection.request("GET", "/")
    connection.getresponse().read()
print(*sorted(set(sys.modules) - clean))
"""


def test_a_replay_loads_what_plays_and_nothing_of_what_records_compares_or_shows(tmp_path: Path) -> None:
    head = Head(200, "OK", (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")))
    tape = Tape(head, (Chunk(0.1, b"data: Hi\n\n", (10,)),))
    path = tmp_path / "two.yaml"
    path.write_bytes(dumps(Cassette((Interaction(Request("GET", "https://chat.example/"), tape),) * 2)))
    loaded = run(PLAYED.format(path=str(path))).split()
    ours = [name.removeprefix("fakegpt_testkit.") for name in loaded if name.startswith("fakegpt_testkit.")]
    assert "clients.aiohttp.player" in ours
    assert "clients.httpclient.exchanges" in ours
    rooms = {"checks", "conversation", "dialects", "drift", "framing", "html", "plugin", "sse", "streams", "timeline"}
    files = {"cassette.scalars", "cassette.writing", "cassette.yaml_text", "storage.journal", "storage.locks"}
    assert not rooms & {name.partition(".")[0] for name in ours}
    assert not files & {*ours}
    assert [name for name in ours if name.startswith(("effects.", "redaction."))] == ["effects.scripted"]
    outside = {name.partition(".")[0] for name in loaded}
    assert not outside & {"filelock", "hypothesis", "msgspec", "platformdirs", "tempfile", "vcr", "yaml"}
