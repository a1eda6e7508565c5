"""Any bytes give a cassette, or a CassetteError with file, line and what to do, in bounded time and memory."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from support.cassette_values import simple
from support.costs import calls
from support.patience import PATIENCE

from fakegpt_testkit import cassette
from fakegpt_testkit.cassette import Cassette, yaml_text
from fakegpt_testkit.errors import CassetteError

SHAPES = Path(__file__).parent / "shapes"
OURS = cassette.dumps(
    Cassette(
        (
            simple(b'data: {"text": "Hi \xf0\x9f\x98\x80"}\n\ndata: b\n\n', sizes=(10, 27)),
            simple(b"data: a\r\n\r\n", headers=(("Set-Cookie", "a"), ("B", "\xe9"), ("Set-Cookie", "b"))),
            simple(b"\xff\x00"),
        )
    )
)
FILES = [OURS, *(path.read_bytes() for path in sorted(SHAPES.iterdir()))]
MUTATIONS = int(os.environ.get("FAKEGPT_TESTKIT_MUTATIONS", "3000"))
CALLS_FOR_ONE = 10_000

_TOKENS = [
    b"&a ", b"*a ", b"<<: *a\n", b"!!python/object/apply:os.system ", b"!!binary ", b"{", b"[", b"}", b"]", b"- ",
    b"? ", b": ", b"|\n", b">\n", b"'", b'"', b"#", b"%YAML 1.2\n", b"---\n", b"...\n", b"\t", b"\r", b"\r\n",
    b"\x00", b"\x85", b"\xff", b"\xc2\x85", b"\xef\xbb\xbf", b"version: 1\n", b"version: 2\n", b"<<<<<<< ours\n",
    b"=======\n", b">>>>>>> theirs\n", b"null", b"1e400", b"9" * 50, b"~", b"\xe2\x80\xa8",
    b"track: '0.0 +0.0:1 +0.0'\n", b"ending: lost\n", b"  ", b"\n", b"\xf0\x9f\x98\x80", b"base64_string: =\n",
    b"parsed_body: [1]\n",
]  # fmt: skip


def _mutated(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        size = chance.choice((0, 1, 2, 8, 40, 400))
        match chance.randrange(6):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[at + size :]
            case 2:
                data = data[:at] + chance.choice(_TOKENS) + data[at:]
            case 3:
                data = data[:at] + chance.randbytes(1) + data[at + 1 :]
            case 4:
                other = chance.choice(FILES)
                start = chance.randrange(len(other))
                data = data[:at] + other[start : start + size] + data[at:]
            case _:
                lines = data.splitlines(keepends=True) or [b""]
                first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[first], lines[second] = lines[second], lines[first]
                data = b"".join(lines)
    return data


def _outcome(data: bytes) -> Cassette | CassetteError:
    try:
        return cassette.loads(data, "tests/a.yaml")
    except CassetteError as error:
        return error


@pytest.mark.untraced
def test_only_our_errors_come_out_of_mutated_files() -> None:
    chance = random.Random(20261122)
    loaded = 0
    for _ in range(MUTATIONS):
        data = _mutated(chance, chance.choice(FILES))
        outcome = _outcome(data)
        assert calls(partial(_outcome, data)) < CALLS_FOR_ONE, data
        if isinstance(outcome, Cassette):
            loaded += 1
            assert _outcome(cassette.dumps(outcome)) == outcome
        else:
            assert str(outcome).startswith("tests/a.yaml")
            assert outcome.advice
    assert MUTATIONS / 10 < loaded < MUTATIONS  # both ways were taken


@pytest.mark.parametrize("data", FILES[:1], ids=["ours"])
def test_a_file_cut_off_anywhere_is_an_error(data: bytes) -> None:
    whole = cassette.loads(data, "a")
    assert cassette.loads(data[:-1], "a") == whole  # all but the last line end is the whole text
    for end in range(len(data) - 1):
        with pytest.raises(CassetteError):
            cassette.loads(data[:end], "a")


def _interaction(response: str = "", request: str = "") -> bytes:
    return (
        "interactions:\n- request:\n    method: GET\n    uri: http://h/\n" + request + "  response:\n"
        "    status: {code: 200, message: OK}\n" + response + "version: 1\n"
    ).encode()


FORM = "    body: [1, 2]\n    headers: {content-type: application/x-www-form-urlencoded}\n"
BOMB = "a: &a {k: v}\nb: &b {<<: [*a, *a, *a, *a, *a, *a, *a, *a, *a]}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in zip("bcdefghi", "cdefghij", strict=True)
)
LAUGHS = 'a0: &a0 ["lol", "lol"]\n' + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", 1, "the file is empty"),
        (b"\n# only a comment\n", 1, "the file is empty"),
        (b"hello", 1, "no mapping"),
        (b"[]", 1, "no mapping"),
        (b"interactions: []\n", None, "was cut off"),
        (b"interactions: []\nversion: 2\n", 1, "only 1 can be read"),
        (b"interactions: []\nversion:\n", 1, "only 1 can be read"),
        (b"interactions: {}\nversion: 1\n", 1, "no list 'interactions'"),
        (b"version: 1\n", 1, "no list 'interactions'"),
        (b"interactions:\n- 1\nversion: 1\n", None, "interaction 1 is no mapping"),
        (b"interactions:\n- request: {method: GET, uri: a}\nversion: 1\n", 2, "no mapping 'response'"),
        (b"interactions:\n- response: {}\nversion: 1\n", 2, "no mapping 'request'"),
        (b"- request: {}\n  response: {}\n", 1, "vcrpy before 1.0"),
        (b"http_interactions: []\nversion: 1\n", 1, "Ruby"),
        (b"interactions: []\ninteractions: []\nversion: 1\n", 2, "stands twice"),
        (b"interactions: []\n<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\nversion: 1\n", 2, "merge conflict"),
        (b"interactions: []\nversion: 1\n---\nb: 1\n", 3, "second YAML document"),
        (b"interactions: []\n\xff\nversion: 1\n", 2, "not UTF-8"),
        (b"interactions: []\n\x00\nversion: 1\n", 2, "does not allow"),
        (b"interactions: !!python/object/apply:os.system [x]\nversion: 1\n", 1, "python/object/apply:os.system"),
        (b"interactions: !mine x\nversion: 1\n", 1, "!mine"),
        (b"interactions: !!binary '*'\nversion: 1\n", 1, "not base64"),
        (b"interactions: *a\nversion: 1\n", 1, "names nothing"),
        (b"interactions: &a [*a]\nversion: 1\n", 1, "names nothing"),
        (b"a: {<<: 1}\nversion: 1\n", 1, "merge key"),
        (b"? [a]\n: b\nversion: 1\n", 1, "a key is not a text"),
        (BOMB.encode(), 6, "the aliases repeat"),
        (LAUGHS.encode(), 6, "the aliases repeat"),
        (b"%TAG !a! x\n" * 200, None, "begin with %"),
        (b"interactions: []\nversion: " + b"9" * 500, 1, "9…"),
        (b"a: " + b"1," * 10, None, "of no recorder that is known"),
        (_interaction(request="    headers: 1\n"), 3, "'headers' is no mapping"),
        (_interaction(request="    body: !!binary ''\n    method: x\n"), 6, "stands twice"),
        (_interaction().replace(b"GET", b"''"), 3, "no method or no uri"),
        *(
            (_interaction().replace(b"http://h/", uri), 3, "no host and port that can be read")
            for uri in (b"http://[x/", b"http://a:hunter2/", b"//a:99999/b", b"'http://a:-1'", b"https://me:pass@[::1/")
        ),
        (_interaction(request=FORM), 3, "fields"),
        (_interaction(request="    body: !!python/object/apply:builtins.iter {args: [[[a]]]}\n"), 5, "in pieces"),
        (_interaction().replace(b"code: 200", b"code: many"), 6, "'many' is no number"),
        (_interaction().replace(b"code: 200", b"code: 2000"), 6, "'2000' is no number"),
        (_interaction().replace(b"status: {code: 200, message: OK}", b"status: "), 6, "no status"),
        (_interaction().replace(b"status: {code: 200, message: OK}", b"status: 200"), 3, "no mapping with 'type'"),
        (_interaction("    headers: {a: [[b]]}\n"), 7, "a collection where a text"),
        (_interaction("    body: {string: [a]}\n"), 7, "a collection where a text"),
        (_interaction("    body: {base64_string: '*'}\n"), 7, "not base64"),
        (_interaction("    fakegpt: 1\n"), 6, "'fakegpt' is no mapping"),
        (_interaction("    fakegpt: {trakc: a}\n"), 7, "unknown keys: 'trakc'"),
        (_interaction("    fakegpt: {ending: lost}\n"), 7, "the ending 'lost'"),
        (_interaction("    fakegpt: {track: [a]}\n"), 7, "a collection where a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(data: bytes, line: int | None, says: str) -> None:
    with pytest.raises(CassetteError) as caught:
        cassette.loads(data, "tests/a.yaml")
    assert says in str(caught.value)
    assert caught.value.line == line
    assert caught.value.advice
    assert str(caught.value).startswith("tests/a.yaml" if line is None else f"tests/a.yaml, line {line}: ")
    assert calls(lambda: _outcome(data)) < CALLS_FOR_ONE


@pytest.mark.parametrize("depth", [150, 5000, 3_000_000], ids=["past ours", "past libYAML's", "far past both"])
@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- ", b"? ", b"[\n", b"- - ? - "])
def test_whichever_bound_of_depth_speaks_first_the_words_are_the_same(opening: bytes, depth: int) -> None:
    outcome = _outcome(opening * depth)
    assert isinstance(outcome, CassetteError)
    assert "collections are nested more than 100 deep" in str(outcome)
    assert outcome.line == (101 if b"\n" in opening else 1)
    assert outcome.advice


def test_a_huge_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassette, "MAX_BYTES", 10)
    with pytest.raises(CassetteError, match="at most 10 are read"):
        cassette.loads(OURS, "a")


@pytest.mark.once
@pytest.mark.untraced
def test_memory_stays_bounded() -> None:
    code = (
        "import resource, sys\n"
        "from fakegpt_testkit import cassette\n"
        "from fakegpt_testkit.errors import CassetteError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "many, deep = b'a: [' + b'1,' * 1_050_000, b'a: ' + b'[' * 3_000_000\n"
        "again = b'a: &a ' + b'x' * 1_000_000 + b'\\nb: [' + b'*a,' * 200_000\n"
        "bounds = 'more than 1000000 values', 'nested more than 100 deep', 'the aliases repeat more'\n"
        "for data, bound in zip((many, deep, again), bounds, strict=True):\n"
        "    try:\n"
        "        cassette.loads(data, 'a')\n"
        "    except CassetteError as error:\n"
        "        assert bound in str(error), error\n"
        "    else:\n"
        "        sys.exit('loaded')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert int(done.stdout) < 300 * 1024  # KiB on Linux, bytes on macOS
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


def test_an_ascii_locale_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(OURS)
    code = (
        "import sys, pathlib\n"
        "from fakegpt_testkit import cassette, storage\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "storage.write(path, cassette.dumps(cassette.loads(storage.read(path), 'a')))\n"
    )
    ascii_only = {**os.environ, "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code, str(path)], env=ascii_only, timeout=PATIENCE, check=True)
    assert path.read_bytes() == OURS


def test_without_libyaml_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [cassette.loads(data, "a") for data in FILES]
    monkeypatch.setattr(yaml_text, "_open_events", yaml.SafeLoader)
    assert [cassette.loads(data, "a") for data in FILES] == found


def test_what_could_not_be_read_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cassette, "MAX_BYTES", 10)
    with pytest.raises(CassetteError, match=r"would have [0-9]+ bytes, and at most 10 are read"):
        cassette.dumps(cassette.Cassette((), str(tmp_path / "a.yaml")))
