"""Breaks the event-stream parser in one place after the other and runs its tests: each of these must be noticed.

Works on a copy, so the checkout stays as it is. Run it as `python scripts/mutants.py`; it exits with 1 when a mutant
lives. `--tests properties` (the default) asks it of the generated inputs alone, `--tests all` of the tables too.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PARSER = Path("fakegpt_testkit/sse.py")
GENERATED = ["tests/test_sse_properties.py", "tests/test_sse_costs.py"]
TESTS = {
    "properties": [*GENERATED, "-k", "not corpus"],
    "all": ["tests/test_sse.py", *GENERATED, "-k", "not documents"],
}

SECONDS = 60
"""The processor time that a mutant may take; the tests alone take some fifteen seconds."""

NO_SHRINKING = """
from hypothesis import Phase, settings
settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("mutants")
"""


class Mutant(NamedTuple):
    """One change of the parser: what it does wrong then, the text, and what it becomes."""

    name: str
    old: str
    new: str


MUTANTS = [
    Mutant("no BOM is taken off", "data = data.removeprefix(_BOM)", "data = data.removeprefix(b'')"),
    Mutant(
        "every chunk may begin with a BOM",
        "        if self._special or _CR in data:",
        "        data = data.removeprefix(_BOM)\n        if self._special or _CR in data:",
    ),
    Mutant("half a BOM is not waited for", "if len(data) < len(_BOM) and _BOM.startswith(data):", "if not data:"),
    Mutant(
        "an LF after a CR is a line end of its own", 'data = data.removeprefix(b"\\n")', 'data = data.removeprefix(b"")'
    ),
    Mutant(
        "an empty chunk forgets the CR before it",
        "        if data:\n            if self._after_cr",
        "        if True:\n            if self._after_cr",
    ),
    Mutant("CR is no line end", '.replace(b"\\r", b"\\n")', ""),
    Mutant("CRLF is two line ends", '.replace(b"\\r\\n", b"\\n")', ""),
    Mutant(
        "a last CR waits for the next chunk",
        "        self._special = self._after_cr\n        return data\n",
        "        self._special = True\n"
        "        kept = getattr(self, 'kept', b'')\n"
        "        self.kept = b'\\n' if self._after_cr else b''\n"
        "        return kept + data.removesuffix(self.kept)\n",
    ),
    Mutant("the rest of a chunk is lost", "            self._hold(rest)\n", "            pass\n"),
    Mutant(
        "a held line is lost",
        "            line.append(lines)\n            lines = self._take_line()",
        "            self._take_line()",
    ),
    Mutant(
        "a chunk is an event though one was open before it",
        "first == -2 and self._room == self._max_event_size and",
        "first == -2 and",
    ),
    Mutant(
        "a chunk of one line is an event of whatever field",
        'self._max_event_size and lines.startswith(b"data: "):',
        "self._max_event_size:",
    ),
    Mutant(
        "a chunk of several lines is one of one line",
        "elif fits and first == -2 and",
        'elif fits and lines.endswith(b"\\n\\n") and',
    ),
    Mutant(
        "a chunk of one line is an event without its blank line",
        "if fits and first == -1:\n            events = self._read_line(lines)\n        elif fits and first == -2 and",
        "if fits and first >= -2 and",
    ),
    Mutant("a line alone is read though it does not fit", "if fits and first == -1:", "if first == -1:"),
    Mutant(
        "a blank line alone gives no room back",
        "            self._dispatch(events)\n            self._room = self._max_event_size\n",
        "            self._dispatch(events)\n",
    ),
    Mutant("a line alone takes no room", "            self._room -= len(line)\n", ""),
    Mutant("a comment alone takes room", "        elif line[0] != _COLON:\n", "        else:\n"),
    Mutant(
        "lines that come alone are never joined",
        "            self._room -= len(line)\n            self._join_data()\n",
        "            self._room -= len(line)\n",
    ),
    Mutant(
        "reading holds a piece after a CR that ended a line alone",
        "0 if self._special else min(self._room // _SMALL, _PIECES)\n        return",
        "min(self._room // _SMALL, _PIECES)\n        return",
    ),
    Mutant("reading holds LF as a piece of a line", "not (_LF in new or _CR in new", "not (_CR in new"),
    Mutant("reading holds CR as a piece of a line", "(_LF in new or _CR in new)", "(_LF in new)"),
    Mutant("reading holds a piece after CR", "0 if self._special else self._enough", "self._enough"),
    Mutant("reading holds large pieces that were not looked at", " and len(new) <= _SMALL", ""),
    Mutant(
        "reading holds any number of pieces",
        "len(new) <= _SMALL and len(line) < self._line_enough",
        "len(new) <= _SMALL",
    ),
    Mutant(
        "reading does not close",
        "                yield from self.feed(new)\n        self.close()\n",
        "                yield from self.feed(new)\n",
    ),
    Mutant("a byte that ends a line is held as one of it", "if code not in (_LF, _CR))", "if code != _LF)"),
    Mutant("bytes are held after a line end as before it", "        self._more = _NO_MORE\n        if", "        if"),
    Mutant("any number of bytes is held", "self._line_enough - len(self._line))", "0xFFFF)"),
    Mutant("as many bytes are held as if none were", "self._line_enough - len(self._line))", "self._line_enough)"),
    Mutant(
        "fed bytes are held beside the read ones",
        "                self._more = _NO_MORE\n",
        "",
    ),
    Mutant(
        "what follows one byte is taken for one",
        "if data in _ENDS_NO_LINE:",
        "if _LF not in data and _CR not in data:",
    ),
    Mutant(
        "a block is whole though data was open before it",
        "if self._data or self._type or not lines",
        "if self._type or not lines",
    ),
    Mutant(
        "a block is whole though a type was open before it",
        "if self._data or self._type or not lines",
        "if self._data or not lines",
    ),
    Mutant("a block is whole without its blank line", ' or not lines.endswith(b"\\n\\n")', ""),
    Mutant(
        "whole blocks have one line each",
        '                if "\\n" in value:\n',
        '                if "\\n\\n" in value:\n',
    ),
    Mutant(
        "a whole block's id is the stream's first",
        "                    event.id = self._id\n",
        "                    event.id = self.last_event_id\n",
    ),
    Mutant(
        "whole blocks do not set the last id",
        "            self.last_event_id = self._id\n            self._room",
        "            self._room",
    ),
    Mutant("comments are fields", 'elif not text.startswith(":", start):', "else:"),
    Mutant("all spaces after the colon go", 'value = value.removeprefix(" ")', 'value = value.lstrip(" ")'),
    Mutant("the space after the colon stays", 'value = value.removeprefix(" ")', "value = value"),
    Mutant("the value begins after the last colon", 'line.partition(":")', 'line.rpartition(":")'),
    Mutant("names are compared without their case", 'if name == "data":', 'if name.lower() == "data":'),
    Mutant("a NULL in an id is kept", 'if "\\0" not in value:', "if True:"),
    Mutant("an empty id is passed over", 'if "\\0" not in value:', 'if value and "\\0" not in value:'),
    Mutant(
        "retry takes what int() takes",
        "if value.isascii() and value.isdigit():\n",
        "if value.replace('_', '').lstrip('+-').isdigit():\n",
    ),
    Mutant("retry takes digits of any script", "if value.isascii() and value.isdigit():", "if value.isdecimal():"),
    Mutant("retry waits for the blank line", "                self.retry = min(", "                self._retry = min("),
    Mutant(
        "an event without data is given",
        "        if self._data:\n            events.append(Event",
        "        if self._data or self._type:\n            events.append(Event",
    ),
    Mutant(
        "an event of empty data is not given",
        "        if self._data:\n            events.append(Event",
        "        if any(self._data):\n            events.append(Event",
    ),
    Mutant(
        "an event without data keeps its type",
        '            self._joined = 0\n        self._type = ""',
        '            self._joined = 0\n            self._type = ""',
    ),
    Mutant(
        "the last id moves before the blank line",
        "                self._id = value",
        "                self._id = self.last_event_id = value",
    ),
    Mutant(
        "only an event with data moves the last id",
        "        self.last_event_id = self._id\n        if self._data:\n",
        "        if self._data:\n            self.last_event_id = self._id\n",
    ),
    Mutant("data lines are joined by nothing", '"\\n".join(self._data), self._id', '"".join(self._data), self._id'),
    Mutant(
        "the lines joined early are joined by nothing",
        '["\\n".join(self._data[self._joined :])]',
        '["".join(self._data[self._joined :])]',
    ),
    Mutant(
        "lines end as str.splitlines has it",
        'lines.decode("utf-8", "replace"), events)',
        '"\\n".join([*lines.decode("utf-8", "replace").splitlines(), ""]), events)',
    ),
    Mutant(
        "bytes of one event that are no UTF-8 are left out",
        'event.data = lines[6:-2].decode("utf-8", "replace")',
        'event.data = lines[6:-2].decode("utf-8", "ignore")',
    ),
    Mutant(
        "bytes of several events that are no UTF-8 are left out",
        'text = lines[6:-2].decode("utf-8", "replace")',
        'text = lines[6:-2].decode("utf-8", "ignore")',
    ),
    Mutant(
        "bytes that are no UTF-8 raise", 'lines.decode("utf-8", "replace"), events)', 'lines.decode("utf-8"), events)'
    ),
    Mutant("a slice ends in the middle of a line", "_SLICE) + 1 or len(lines)", "_SLICE) or len(lines)"),
    Mutant("the small pieces of a line are not joined", "if size < _OVERHEAD * len(recent):", "if not recent:"),
    Mutant("small data lines are not joined", "if len(self._data) - self._joined > _MANY:", "if not lines:"),
    Mutant(
        "large pieces of a line are not looked at",
        "if len(self._line) > self._line_enough or len(piece) > _SMALL:",
        "if len(self._line) > self._line_enough:",
    ),
    Mutant(
        "a held line may have any number of pieces",
        "if len(self._line) > self._line_enough or len(piece) > _SMALL:",
        "if len(piece) > _SMALL:",
    ),
    Mutant("the size of a held line is forgotten", "        self._line_size += size\n", ""),
    Mutant(
        "comments count as the event's",
        '        if lines.startswith(b":") or b"\\n:" in lines:\n',
        '        if not lines and b"\\n:" in lines:\n',
    ),
    Mutant(
        "a blank line gives no room back",
        "            self._room = self._max_event_size\n            lines = lines[blank + 2 :]",
        "            lines = lines[blank + 2 :]",
    ),
    Mutant(
        "a chunk is not measured",
        "fits = len(lines) <= _SLICE and len(lines) <= self._room",
        "fits = len(lines) <= _SLICE",
    ),
    Mutant("lines of one chunk are not measured", "        if len(lines) > self._room:\n", "        if not lines:\n"),
    Mutant(
        "events before the large one are lost",
        "        if self._too_large and not events:",
        "        if self._too_large:",
    ),
    Mutant(
        "the partial block is scanned anew with every chunk",
        '        lines, rest = data, b""\n',
        '        lines, rest = data, b""\n        sum(b"".join(self._line)) and sum("".join(self._data).encode())\n',
    ),
    Mutant("split takes a comment for an event", "        elif not line[1] and has_data:", "        elif not line[1]:"),
    Mutant("split does not know CR", "(?:\\r\\n|\\r|\\n)", "(?:\\r\\n|\\n)"),
    Mutant("encode writes CR", '    if "\\r" in text:\n', '    if "\\r\\r\\r" in text:\n'),
    Mutant(
        "encode leaves an id away that is reset",
        "if event.id != last_event_id else []",
        "if event.id and event.id != last_event_id else []",
    ),
]


def lives(mutant: Mutant, tests: str, work: Path) -> bool:
    """Whether the tests pass with this mutant in place."""
    source = (ROOT / PARSER).read_text(encoding="utf-8")
    if source.count(mutant.old) < 1:
        sys.exit(f"mutant {mutant.name!r}: its text is not in {PARSER}: {mutant.old!r}")
    (work / PARSER).write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS[tests]]
    done = subprocess.run(
        command, cwd=work, capture_output=True, preexec_fn=limit_time, env=os.environ | {"PYTHONPATH": str(work)}
    )
    if done.returncode > 1:
        sys.exit(f"mutant {mutant.name!r}: the tests did not run\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.returncode == 0


def limit_time() -> None:
    """A mutant that never comes to an end is killed; by its own time, for the machine may be busy."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def main() -> None:
    """Try each mutant in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", choices=TESTS, default="properties")
    parser.add_argument("--only", default="", help="only the mutants with this in their name")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if arguments.only in mutant.name]
    alive = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("fakegpt_testkit", "tests/support", "fuzz"):
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [*(ROOT / "tests").glob("test_sse*.py"), ROOT / "pyproject.toml"]:
            shutil.copy(path, work / path.relative_to(ROOT))
        (work / "tests" / "conftest.py").write_text(NO_SHRINKING, encoding="utf-8")
        for mutant in chosen:
            if lives(mutant, arguments.tests, work):
                alive.append(mutant.name)
            print(f"{'LIVES' if mutant.name in alive else 'dies '}  {mutant.name}", flush=True)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} mutants die")
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
