"""What is said of a test that failed holds no secret: pytest's report, JUnit's, the run's, the name of a cassette."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.suites import INI

from fakegpt_testkit import Chunk, Ending, Head, Interaction, Request, Tape
from fakegpt_testkit.cassette import Cassette
from fakegpt_testkit.maintenance import orphans
from fakegpt_testkit.redaction import former_id, shown_id

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

SECRETS = {
    "authorization": "q8Rt5Kx2Wm9Zp4Lc7Vb1",
    "query": "w3Nz8Jd6Hs1Gf5Ty9Qa2",
    "body": "m4Kp7Xv2Bc8Lr6Wd3Zt9",
    "environment": "e5Rg9Uy1Oi7Pk3Ms8Dn4",
    "parameter": "sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7",
}
SUITE = """
import asyncio, os
import aiohttp, httpx, pytest, requests

A, Q, B, E, P = [os.environ[f"PART_{number}"][::-1] for number in range(5)]  # no literal of a secret in this file
URL = f"https://api.example/v1/chat?sig={Q}"
HEADERS = {"Authorization": f"Bearer {A}", "X-Odd": E}
BODY = '{"password": "%s"}' % B

async def by_aiohttp():
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await session.post(URL, data=BODY)

@pytest.mark.fakegpt
@pytest.mark.parametrize("key", [P])
@pytest.mark.parametrize("how", ["aiohttp", "requests", "httpx"])
def test_asks(key, how):
    if how == "aiohttp":
        asyncio.run(by_aiohttp())
    else:
        (requests if how == "requests" else httpx).post(URL, headers=HEADERS, data=BODY)
"""


def test_no_report_of_a_refused_request_shows_a_secret(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the tests have a cassette with another request, one has none."""
    monkeypatch.setenv("SOME_API_KEY", SECRETS["environment"])
    for number, secret in enumerate(SECRETS.values()):
        monkeypatch.setenv(f"PART_{number}", secret[::-1])
    pytester.makefile(".ini", tox=INI)
    pytester.makepyfile(test_suite=SUITE)
    answer = Tape(Head(200), (Chunk(0.0, b"fine"),))
    other = Interaction(Request("POST", "https://api.example/v1/chat?sig=a1b2", (), b"{}"), answer)
    for how in ("aiohttp", "requests"):
        name = f"test_suite.py::test_asks[{how}-REDACTED-key0]"
        write(other, path_of(pytester.path, name))
    reports = ("--junitxml=junit.xml", "--fakegpt-report=run.json", "--fakegpt-orphans=warn")
    result = pytester.runpytest_subprocess("-l", "-rA", *reports, "-p", "no:cacheprovider")
    result.assert_outcomes(failed=3)
    told = result.stdout.str() + result.stderr.str()
    run, junit = (pytester.path.joinpath(name).read_text("utf-8") for name in ("run.json", "junit.xml"))
    for where, text in {"stdout": told, "run.json": run, "junit.xml": junit}.items():
        found = [kind for kind, secret in SECRETS.items() if secret in text]
        assert found == ([] if where == "run.json" else ["parameter"]), where  # a test's own name is what pytest writes
    by_us = [
        line
        for line in told.splitlines()
        if re.search(r"cassettes/|--fakegpt|fakegpt:", line) and not line.startswith("FAILED")  # pytest names it
    ]
    assert by_us
    assert [line for line in by_us if SECRETS["parameter"] in line] == []
    assert "fakegpt_testkit/" not in told.replace("\\", "/"), "frames of ours"
    assert "REDACTED-" in told


def write(interaction: Interaction, path: Path) -> None:
    from fakegpt_testkit.cassette import dumps

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps(Cassette((interaction,))))


def path_of(folder: Path, name: str) -> Path:
    from fakegpt_testkit.storage import path_for

    return path_for(folder / "cassettes", name)


IDS = {
    "a key of a provider": ("t.py::test[sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7]", False),
    "an opaque value between others": ("t.py::test[de-q8Rt5Kx2Wm9Zp4Lc7Vb1-3]", False),
    "a token": ("t.py::test[eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlMTIz]", False),
    "a model": ("t.py::test[gpt-4o-mini-2024-07-18]", True),
    "words": ("t.py::test[a long enough sentence-and-words-joined]", True),
    "a UUID": ("t.py::test[f47ac10b-58cc-4372-a567-0e02b2c3d479]", True),
    "numbers": ("t.py::test[1234567890123456-0.000000125]", True),
    "no parameter": ("tests/a1b2c3d4e5f6g7h8.py::test_a1b2c3d4e5f6g7h8", True),
}


@pytest.mark.parametrize(("test_id", "stays"), IDS.values(), ids=IDS.keys())
def test_an_id_keeps_all_but_what_looks_like_a_secret(test_id: str, stays: bool) -> None:
    shown = shown_id(test_id)
    assert (shown == test_id) is stays
    assert shown_id(shown) == shown
    assert shown.startswith("t.py::test[") or stays


def test_a_word_tells_whose_value_it_is_and_nothing_of_it() -> None:
    keys = ("sk-proj-t6Fh2Vn8Cx4Bz1Ql9We7", "q8Rt5Kx2Wm9Zp4Lc7Vb1")
    shown = [shown_id(f"t.py::test[de-{key}]", {"lang": ("de", 0), "key": (key, at)}) for at, key in enumerate(keys)]
    assert shown == ["t.py::test[de-REDACTED-key0]", "t.py::test[de-REDACTED-key1]"]
    by_an_id = shown_id(f"t.py::test[{keys[1]}]", {"lang": ("de", 3), "key": ("a word", 2)})
    assert by_an_id == "t.py::test[REDACTED-parameter3_2]"


SECRETIVE = """
import os, pytest

KEYS = [each[::-1] for each in os.environ["PARTS"].split()]

@pytest.mark.fakegpt
@pytest.mark.parametrize("lang", ["de", "en"])
@pytest.mark.parametrize("key", KEYS)
def test_asks(lang, key, fakegpt_cassette):
    print(fakegpt_cassette.path)
"""


def test_each_secret_has_its_cassette_and_those_of_old_names_are_found(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = (SECRETS["parameter"], SECRETS["query"], SECRETS["body"])
    monkeypatch.setenv("PARTS", " ".join(key[::-1] for key in keys))
    pytester.makefile(".ini", tox=INI)
    pytester.makepyfile(test_suite=SECRETIVE)
    old = f"test_suite.py::test_asks[{keys[2]}-de]"
    answer = Tape(Head(200), (Chunk(0.0, b"fine"),))
    other = Interaction(Request("GET", "https://api.example/"), answer)
    path = path_of(pytester.path, former_id(old))
    write(other, path)
    result = pytester.runpytest_inprocess("-rP", "-p", "no:cacheprovider", "--fakegpt-orphans=warn")
    used = {line for line in result.stdout.str().splitlines() if line.endswith(".yaml")}
    assert len(used) == 6
    assert [line for line in used if line.endswith(path.name)] != []
    assert "test_asks[REDACTED-key0-de].yaml" in {line.rpartition("/")[2] for line in used}
    assert not any(key in line for line in used for key in keys)
    assert "  orphan: " not in result.stdout.str()
    of_list = orphans.listed([f"test_suite.py::test_asks[{key}-de]" for key in keys[:1]], pytester.path / "cassettes")
    assert of_list.orphans == ()


def test_a_repr_shows_no_value() -> None:
    secret = SECRETS["body"]
    request = Request("POST", f"https://me:{secret}@api.example/{secret}?a={secret}", (("A", secret),), secret.encode())
    tape = Tape(Head(200, "OK", (("A", secret),)), (Chunk(0.0, secret.encode()),), Ending())
    assert secret not in repr(Interaction(request, tape)) + repr(tape.head) + repr(tape.chunks)
    assert repr(request) == "<Request POST api.example: 1 fields, 20 bytes>"


WORDLESS = """
import pytest

class Wordless:
    def __str__(self):
        raise RuntimeError("asked for words")
    __repr__ = __str__

@pytest.mark.fakegpt
@pytest.mark.parametrize("what", [Wordless(), Wordless()])
@pytest.mark.parametrize("key", [b"q8Rt5Kx2Wm9Zp4Lc7Vb1"])
def test_asks(key, what, fakegpt_cassette):
    print(fakegpt_cassette.path)
"""


def test_a_parameter_that_is_in_no_id_is_not_asked_for_words(pytester: pytest.Pytester) -> None:
    pytester.makefile(".ini", tox=INI)
    pytester.makepyfile(test_suite=WORDLESS)
    result = pytester.runpytest_inprocess("-rP", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    used = {line for line in result.stdout.str().splitlines() if line.endswith(".yaml")}
    assert len(used) == 2
    assert all("test_asks[REDACTED-parameter" in line for line in used)
