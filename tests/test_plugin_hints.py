"""What a failing test tells to type, and which line of the suite's it shows."""

from __future__ import annotations

import re
import shlex

import pytest
import requests  # noqa: F401 - pytester takes back what an inner run imports first; this stays
from support.suites import INI

from fakegpt_testkit.wording import quoted

pytestmark = [pytest.mark.once, pytest.mark.untraced]
SUITE = """
import aiohttp, pytest, requests
from fakegpt_testkit import script, use_cassette

@pytest.mark.fakegpt
@pytest.mark.parametrize("said", ['say "hi" $HOME `x` #'])
def test_asks(said):
    secret = "".join(("hunter2", "hunter2"))
    with use_cassette(script("hi")):
        requests.get("http://a.example/unheard")

@pytest.mark.fakegpt
@pytest.mark.parametrize("said", ['say "hi" $HOME `x` #'])
async def test_waits(said):
    async with aiohttp.ClientSession() as session:
        await session.post("http://a.example/b", json={"password": "".join(("hunter2", "hunter2"))})

@pytest.mark.fakegpt
def test_nobody_there():
    requests.get("http://127.0.0.1:9/b")
"""


def test_a_hint_runs_from_where_pytest_was_started_and_the_tests_own_line_is_shown_last(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI)
    folder = pytester.mkdir("deep")
    (folder / "test_it.py").write_text(SUITE, encoding="utf-8")
    monkeypatch.chdir(folder)
    result = pytester.runpytest("--rootdir", str(pytester.path), "-k", "asks or waits")
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "hunter2hunter2" not in text
    assert re.search(r"^> +requests.get\(.http://a.example/unheard.\)\nE ", text, re.MULTILINE)
    assert re.search(r"^> +await session.post\(.*\nE ", text, re.MULTILINE)
    assert "site-packages" not in text
    (hint,) = re.findall(r"to record it: (pytest .*)", text)[:1]
    words = shlex.split(hint)
    assert words[1] == 'test_it.py::test_waits[say "hi" $HOME `x` #]'
    pytester.runpytest(*words[1:], "--fakegpt-record-mode=none").assert_outcomes(failed=1)
    whole = pytester.runpytest("--full-trace", "-k", "waits").stdout.str()
    assert "site-packages" in whole
    assert "to record it" not in text.partition("test_waits")[0]  # what is a script cannot be recorded


def test_the_way_to_another_url_is_the_clients(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI)
    pytester.makepyfile(test_it=SUITE)
    text = pytester.runpytest("--fakegpt-record-mode=once", "-k", "nobody").stdout.str()
    assert "to record from another URL: start the service, or give the client URL" in text
    assert "--fakegpt-url" not in text


def test_a_word_is_quoted_as_every_shell_takes_it() -> None:
    assert quoted("a b[c]") == '"a b[c]"'
    for text in ('"', "$HOME", "`x`", "a\\b", "it's $x", "!"):
        assert shlex.split(quoted(text)) == [text]


def test_in_ci_marked_tests_record_nothing_and_what_a_program_says_of_itself_holds(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makeini(INI)
    pytester.makepyfile(
        """
        import pytest
        from fakegpt_testkit import use_cassette

        @pytest.mark.fakegpt(record_mode="once")
        def test_marked(fakegpt_cassette):
            assert not fakegpt_cassette.records

        def test_plain():
            with use_cassette("own.yaml", record_mode="once") as session:
                assert session.records
        """
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_the_hint_for_a_test_with_a_secret_among_its_parameters_runs_all_of_them(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    pytester.makepyfile(
        test_it="""
import pytest, requests

@pytest.mark.fakegpt
@pytest.mark.parametrize("key", ["q8Rt5Kx2Wm9Zp4Lc7Vb1", "short"])
def test_asks(key):
    requests.get("http://a.example/")
"""
    )
    said = pytester.runpytest("-p", "no:cacheprovider").stdout.str()
    assert 'to record it: pytest "test_it.py::test_asks" --fakegpt-record-mode=once' in said
    assert 'to record it: pytest "test_it.py::test_asks[short]" --fakegpt-record-mode=once' in said


@pytest.mark.plugins("xdist")
def test_odd_names_survive_a_subfolder_and_xdist(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini(INI)
    folder = pytester.mkdir("it's a suite")
    words = ["-n 5; rm x", 'it\'s "q" $HOME `x` [b]', "a::b\n&& c"]
    (folder / "test_it.py").write_text(
        "import pytest, requests\n\n"
        f"@pytest.mark.fakegpt\n@pytest.mark.parametrize('said', {words!r})\n"
        "def test_it(said):\n    requests.get('http://a.example/b')\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(pytester.mkdir("sub"))
    text = pytester.runpytest("--rootdir", str(pytester.path), "../it's a suite/test_it.py", "-n", "1").stdout.str()
    hints = re.findall(r"^E +to record it: (pytest .*)", text, re.MULTILINE)
    assert len(hints) == len(words)
    tests = [word for hint in hints for word in shlex.split(hint)[1:-1]]
    pytester.runpytest(*tests, "--fakegpt-record-mode=none").assert_outcomes(failed=3)
