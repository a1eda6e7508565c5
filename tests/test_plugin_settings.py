"""Where a suite can write its settings, which of the places counts, and what a wrong one looks like."""

from __future__ import annotations

import pytest
from support.suites import INI

from fakegpt_testkit import dialects
from fakegpt_testkit.fakegpt.site import LIVE_URL

SEEN = """
import pytest
from fakegpt_testkit import script

{fixture}

@pytest.mark.fakegpt(script("hi"){marker})
def test_it(fakegpt_cassette, fakegpt):
    print("SEEN", fakegpt_cassette.pace, fakegpt.url, end=" ")
"""
FIXTURE = """
@pytest.fixture
def fakegpt_config():
    return {"pace": 3, "url": "http://fixture.example"}
"""
HOOK = """
def pytest_fakegpt_settings(item, settings):
    assert item.name == "test_it"
    settings.setdefault("pace", 5)
    settings["ignore"] = [*settings.get("ignore", ()), "body.t"]
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    return pytester


def seen(suite: pytest.Pytester, *args: str, marker: str = "", fixture: str = "") -> tuple[str, str]:
    suite.makepyfile(SEEN.format(marker=marker, fixture=fixture))
    result = suite.runpytest("-s", *args)
    result.assert_outcomes(passed=1)
    [line] = [line for line in result.outlines if "SEEN" in line]
    pace, url = line.split("SEEN ")[1].split()[:2]
    return pace, url


PLACES = {
    "nowhere": ({}, ("lockstep", LIVE_URL)),
    "the ini file": ({"ini": True}, ("4.0", "http://ini.example")),
    "the fixture before the ini file": ({"ini": True, "fixture": True}, ("3.0", "http://fixture.example")),
    "the command line before the fixture": ({"line": True, "fixture": True}, ("2.0", "http://line.example")),
    "the command line before the ini file": ({"line": True, "ini": True}, ("2.0", "http://line.example")),
    "the marker before all": (
        {"marker": True, "line": True, "fixture": True, "ini": True},
        ("1.0", "http://marker.example"),
    ),
    "the marker alone": ({"marker": True}, ("1.0", "http://marker.example")),
}


@pytest.mark.parametrize(("places", "counts"), PLACES.values(), ids=PLACES.keys())
def test_the_places_count_in_one_order(
    suite: pytest.Pytester, places: dict[str, bool], counts: tuple[str, str]
) -> None:
    if "ini" in places:
        suite.makeini(INI + "fakegpt_pace = 4\nfakegpt_url = http://ini.example/\n")
    line = ["--fakegpt-pace=2", "--fakegpt-url=http://line.example"] if "line" in places else []
    marker = ", pace=1, url='http://marker.example'" if "marker" in places else ""
    assert seen(suite, *line, marker=marker, fixture=FIXTURE if "fixture" in places else "") == counts


def test_a_hook_adds_to_the_settings_that_are_written(suite: pytest.Pytester) -> None:
    suite.makeconftest(HOOK)
    assert seen(suite)[0] == "5.0"
    assert seen(suite, "--fakegpt-pace=2")[0] == "2.0"
    assert seen(suite, marker=", pace=1")[0] == "1.0"


def test_several_hooks_add_one_after_the_other(suite: pytest.Pytester) -> None:
    suite.makeconftest(HOOK)
    suite.syspathinsert()
    suite.makepyfile(
        ours="""
            def pytest_fakegpt_settings(settings):
                settings["ignore"] = [*settings.get("ignore", ()), "query.u"]
        """,
        test_it="""
            import pytest
            from fakegpt_testkit import script

            @pytest.mark.fakegpt(script("hi"), ignore=["query.t"])
            def test_it(fakegpt_cassette, request):
                from fakegpt_testkit import plugin
                assert {*request.node.stash[plugin._wanted].settings.ignore} == {"query.t", "query.u", "body.t"}
        """,
    )
    suite.runpytest("-p", "ours").assert_outcomes(passed=1)


def test_the_settings_of_a_test_are_made_once(suite: pytest.Pytester) -> None:
    suite.makeconftest("calls = []\ndef pytest_fakegpt_settings(settings):\n    calls.append(settings)\n")
    suite.makepyfile("""
        import pytest
        from fakegpt_testkit import script

        @pytest.mark.fakegpt(script("hi"))
        def test_marked(fakegpt_cassette, fakegpt, request):
            assert len(request.config.pluginmanager.get_plugin(str(request.path.parent / "conftest.py")).calls) == 1

        def test_unmarked(fakegpt, request):
            assert len(request.config.pluginmanager.get_plugin(str(request.path.parent / "conftest.py")).calls) == 2
    """)
    suite.runpytest().assert_outcomes(passed=2)


def test_a_dialect_of_the_suites_own_is_named_in_the_marker(suite: pytest.Pytester) -> None:
    suite.makeini(INI + "fakegpt_dialect = openai-chat\n")
    suite.makeconftest("""
        from fakegpt_testkit import dialects

        class Words:
            def feed(self, event):
                return [dialects.Text(event.data)]

            def close(self, stray=""):
                return []

        dialects.add(dialects.Dialect("words", speaks=lambda event, said: False, reader=Words))
    """)
    suite.makepyfile("""
        import httpx
        import pytest
        from fakegpt_testkit import script

        WORDS = script(events=["Hel", "lo"], request="GET https://words.example/say")

        @pytest.mark.fakegpt(WORDS, dialect="words")
        def test_marker(fakegpt_cassette):
            httpx.get("https://words.example/say")
            assert [(each.dialect, each.text) for each in fakegpt_cassette.streams] == [("words", "Hello")]

        @pytest.mark.fakegpt(WORDS)
        def test_ini(fakegpt_cassette):
            httpx.get("https://words.example/say")
            assert [(each.dialect, each.text) for each in fakegpt_cassette.streams] == [("openai-chat", "")]
    """)
    try:
        suite.runpytest().assert_outcomes(passed=2)
    finally:
        dialects.remove("words")


@pytest.mark.parametrize("place", ["marker", "fixture", "hook"])
def test_all_that_is_wrong_is_named_in_a_line_each(suite: pytest.Pytester, place: str) -> None:
    wrong = "{'pace': 'fast', 'stale': 'often', 'speed': 2, 'url': 'here'}"
    if place == "hook":
        suite.makeconftest(f"def pytest_fakegpt_settings(settings):\n    settings.update({wrong})\n")
    fixture = f"@pytest.fixture\ndef fakegpt_config():\n    return {wrong}\n" if place == "fixture" else ""
    suite.makepyfile(SEEN.format(marker=f", **{wrong}" if place == "marker" else "", fixture=fixture))
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "* ERROR at setup of test_it *",
            "pace is 'fast'; wanted: *",
            "stale is 'often'; wanted: *",
            "a setting is 'speed'; wanted: *",
            "url is 'here'; wanted: *",
            "*= short test summary info =*",
        ],
        consecutive=True,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("pace", "fast"), ("unplayed", "often"), ("max_age", "soon"), ("orphans", "maybe"), ("recut", "up")),
        *(
            ("pace", ""),
            ("report", ""),
            ("cassette_dir", ""),
            ("allow_hosts", "[[["),
            ("fakegpt_block_network", "maybe"),
        ),
    ],
)
def test_an_ini_file_that_means_nothing_ends_the_run_before_it_begins(
    suite: pytest.Pytester, key: str, value: str
) -> None:
    suite.makeini(f"{INI}fakegpt_{key.removeprefix('fakegpt_')} = {value}\n")
    suite.makepyfile("def test_it():\n    pass\n")
    result = suite.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {key} is '{value}'; wanted: *"])
    assert "Traceback" not in result.stderr.str()


def test_a_fixture_or_hook_of_the_wrong_kind_is_named_in_a_line_too(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        "def pytest_fakegpt_settings(item, settings):\n    if item.name == 'test_hook': settings[1] = 2\n"
    )
    suite.makepyfile(
        """
        import pytest
        from fakegpt_testkit import Settings, script

        pytestmark = pytest.mark.fakegpt(script("hi"))
        GIVEN = {"test_nothing": None, "test_text": "x", "test_settings": Settings(), "test_key": {1: 2}}

        @pytest.fixture
        def fakegpt_config(request):
            return GIVEN.get(request.node.name, {})

        def test_nothing(fakegpt_cassette): pass
        def test_text(fakegpt_cassette): pass
        def test_settings(fakegpt_cassette): pass
        def test_key(fakegpt_cassette): pass
        def test_hook(fakegpt_cassette): pass
        """
    )
    result = suite.runpytest_inprocess()
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines(
        [
            "fakegpt_config is None; wanted: a mapping of settings, *",
            "fakegpt_config is 'x'; wanted: a mapping of settings, *",
            "fakegpt_config is Settings(*; wanted: a mapping of settings, *",
            "a setting is 1; wanted: *",
            "a setting is 1; wanted: *",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_sweep_without_a_cassette_is_named_in_a_line(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest
        from fakegpt_testkit.effects import faults

        @pytest.mark.fakegpt(faults=faults.everywhere(faults.reset))
        def test_it():
            pass
    """)
    result = suite.runpytest()
    result.stdout.fnmatch_lines(
        ["*ERROR collecting*", "faults is 'a sweep'; wanted: a cassette's name*"], consecutive=True
    )


def test_a_markers_cassette_of_the_wrong_kind_is_named_and_a_path_is_taken(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from pathlib import Path
        from fakegpt_testkit import Cassette, cassette, script

        far = Path(__file__).with_name("far.yaml").resolve()
        near = Path("cassettes/near.yaml")
        near.parent.mkdir()
        for each in (far, near):
            each.write_bytes(cassette.dumps(Cassette(script("hi"))))

        @pytest.mark.fakegpt("one", "another")
        def test_two(fakegpt_cassette): pass

        @pytest.mark.fakegpt(5)
        def test_number(fakegpt_cassette): pass

        @pytest.mark.fakegpt(["near"])
        def test_names(fakegpt_cassette): pass

        @pytest.mark.fakegpt(b"near")
        def test_bytes(fakegpt_cassette): pass

        @pytest.mark.fakegpt(far)
        def test_far(fakegpt_cassette): assert len(fakegpt_cassette.loaded.interactions) == 4

        @pytest.mark.fakegpt(Path("near"))
        def test_near(fakegpt_cassette): assert len(fakegpt_cassette.loaded.interactions) == 4

        @pytest.mark.fakegpt(Cassette(script("hi"), "mine"))
        def test_values(fakegpt_cassette): assert fakegpt_cassette.path == "mine"
        """
    )
    result = suite.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=4)
    result.stdout.fnmatch_lines(["the marker's cassette is ('one', 'another'); wanted: one: its name, a path*"])
    for wrong in ("5", "['near']", "b'near'"):
        assert f"a cassette is {wrong}; wanted: a path, a Cassette, or interactions" in result.stdout.str()
