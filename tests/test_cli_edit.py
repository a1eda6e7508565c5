"""The commands that write cassettes: what lies on the disk afterwards, also when they fail or are stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import vcr
from support.commands import interrupted, ran, written
from support.made_cassettes import CLEAN, TOKEN

from fakegpt_testkit import storage
from fakegpt_testkit.errors import StorageError
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Request, Tape
from fakegpt_testkit.fakegpt.provider import FakeGpt
from fakegpt_testkit.fakegpt.stand_in import Options, StepRefusal, serve_in_thread
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("own_state")

SECRET = Interaction(
    Request("GET", "https://a.example/", (("X-Authorization", f"Bearer {TOKEN}"), ("X-Company", "acme-internal"))),
    Tape(Head(200), (Chunk(0.0, b"hello"),)),
)
VCRPY = f"""\
interactions:
- request:
    body: null
    headers:
      X-Authorization: [Bearer {TOKEN}]
    method: GET
    uri: https://a.example/
  response:
    body:
      string: "data: one\\n\\ndata: two\\n\\n"
    headers:
      Content-Type: [text/event-stream]
    status:
      code: 200
      message: OK
version: 1
"""


# --- record ---


def test_record_streams_the_answer_and_its_cassette_replays_for_the_live_url(tmp_path: Path) -> None:
    file = tmp_path / "new" / "hello.yaml"
    with serve_in_thread(Options(text="Hello 👍 there")) as service:
        result = ran("record", "Say hello", "--url", service.url, "--cassette", file)
    assert result.exit_code == 0
    assert result.stdout == f"Hello 👍 there\n4 of 4 requests recorded\nThe cassette: {file}\n"
    with use_cassette(file):
        provider: type[FakeGpt] = type("Provider", (FakeGpt,), {})
        question = [{"role": "user", "content": "Say hello"}]
        assert "".join(provider.create_completion("", question)) == "Hello 👍 there"


def test_record_takes_the_prompt_from_stdin_and_says_what_it_did_as_json(tmp_path: Path) -> None:
    file = tmp_path / "hello.yaml"
    with serve_in_thread(Options(text="Hi")) as service:
        arguments = ("--url", service.url, "--cassette", file, "--json", "--model", "gpt-9")
        said = json.loads(ran("record", "-", *arguments, stdin="From a pipe\n").stdout)
        again = json.loads(ran("record", "From a pipe", *arguments, "--record-mode", "new_episodes").stdout)
    assert (said["path"], said["text"], len(said["recorded"])) == (str(file), "Hi", 4)
    assert said["recorded"][-1] == "POST https://chat-shared2.zhile.io/api/conversation"
    assert (again["text"], again["recorded"]) == ("Hi", [])
    body = json.loads(load_cassette(file).interactions[-1].request.body)
    assert (body["messages"][0]["content"]["parts"], body["model"]) == (["From a pipe"], "gpt-9")


def test_record_says_why_it_could_not_and_leaves_the_old_cassette(tmp_path: Path) -> None:
    file = written(tmp_path / "old.yaml", CLEAN)
    before = file.read_bytes()
    with serve_in_thread(Options(refusal=StepRefusal("loads", 503, "closed today"))) as service:
        refused = ran("record", "Say hello", "--url", service.url, "--cassette", file)
    gone = ran("record", "Say hello", "--url", service.url, "--cassette", file)
    assert (refused.exit_code, gone.exit_code) == (2, 2)
    assert "refused the step loads with status 503: closed today" in refused.stderr
    assert f"{service.url} could not be reached" in gone.stderr
    assert "to record from another URL: the same command, with --url" in gone.stderr
    assert "Traceback" not in refused.stderr + gone.stderr
    assert file.read_bytes() == before


def test_record_asks_nobody_in_ci_unless_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    file = tmp_path / "hello.yaml"
    with serve_in_thread(Options(text="Hi")) as service:
        arguments = ("record", "Say hello", "--url", service.url, "--cassette", file)
        refused = ran(*arguments)
        assert (refused.exit_code, refused.stdout, file.exists(), service.requests) == (2, "", False, ())
        assert refused.stderr.startswith("Error: nothing is recorded where the environment says CI=true\n")
        assert "--record-in-ci" in refused.stderr
        assert ran(*arguments, "--record-in-ci").exit_code == 0
    assert file.exists()


@pytest.mark.once
@pytest.mark.usefixtures("ctrl_c_counts")
def test_record_stopped_by_ctrl_c_leaves_the_old_cassette_whole(tmp_path: Path) -> None:
    file = written(tmp_path / "old.yaml", CLEAN)
    before = file.read_bytes()
    with serve_in_thread(Options(ending="endless", events=3, delay=0.01)) as service:
        command = ("record", "Say hello", "--url", service.url, "--cassette", file)
        code, _, problems = interrupted(*command, when=lambda: service.streams)
    assert (code, problems) == (1, "Aborted!")
    assert file.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["old.yaml", "state"]


# --- scrub ---


def test_scrub_takes_the_secrets_out_and_touches_nothing_else(tmp_path: Path) -> None:
    old = written(tmp_path / "a" / "old.yaml", SECRET, CLEAN)
    clean = written(tmp_path / "a" / "clean.yaml", CLEAN)
    before = clean.stat().st_mtime_ns
    result = ran("scrub", tmp_path / "a")
    assert result.stdout == f"scrubbed {old}\n1 of 2 cassettes had something to redact\n"
    assert TOKEN not in old.read_text()
    assert load_cassette(old).interactions[1:] == (CLEAN,)
    assert clean.stat().st_mtime_ns == before
    assert ran("check", old).exit_code == 0
    assert ran("scrub", tmp_path / "a").stdout == "0 of 2 cassettes had something to redact\n"


def test_scrub_knows_a_suite_s_own_secrets(tmp_path: Path) -> None:
    file = written(tmp_path / "c.yaml", CLEAN, SECRET)
    said = json.loads(ran("scrub", file, "--name", "x-company", "--pattern", "cl(ea)n", "--json").stdout)
    assert said == {"cassettes": 1, "scrubbed": [str(file)], "not_read": [], "failed": []}
    assert "acme-internal" not in file.read_text()
    assert "clean" not in file.read_text()


def test_scrub_takes_out_what_the_environment_knows_and_names_what_it_did_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
    monkeypatch.setenv("MY_DOOR", key)
    text = f"{key} ann@mail.de +49 170 1234567".encode()
    file = written(tmp_path / "a" / "c.yaml", replace(CLEAN, response=Tape(Head(200), (Chunk(0.0, text),))))
    other = tmp_path / "a" / "package.json"
    other.write_text("{}")
    assert ran("check", file).stdout.endswith("1 cassette, 2 findings\n")
    options = ("--variable", "MY_DOOR", "--shape", "email", "--shape", "phone")
    result = ran("scrub", tmp_path / "a", *options)
    assert f"{other}: not read: it is no recording" in result.stdout
    assert key not in result.stdout + file.read_text()
    assert load_cassette(file).interactions[0].response.body == (
        b"REDACTED-MY-DOOR-1 REDACTED-email-1@example.invalid REDACTED-phone-1"
    )
    assert ran("check", file, *options).exit_code == 0


def test_scrub_finds_a_secret_where_it_stood_before_a_response_showed_it(tmp_path: Path) -> None:
    body = json.dumps({"accessToken": "s3cr3t-t0ken-of-a-kind"}).encode()
    login = Interaction(
        Request("GET", "https://a.example/me"),
        Tape(Head(200, "", (("Content-Type", "application/json"),)), (Chunk(0.0, body),)),
    )
    before = Interaction(Request("GET", "https://a.example/s3cr3t-t0ken-of-a-kind"), Tape(Head(200)))
    file = written(tmp_path / "c.yaml", before, login)
    ran("scrub", file)
    assert "s3cr3t-t0ken" not in file.read_text()


@pytest.mark.once
@pytest.mark.usefixtures("ctrl_c_counts")
def test_scrub_stopped_by_ctrl_c_leaves_each_cassette_old_or_new(tmp_path: Path) -> None:
    many = [SECRET] * 100
    files = [written(tmp_path / "many" / f"{number:02}.yaml", *many) for number in range(40)]
    stopped = interrupted("scrub", tmp_path / "many", when=lambda: TOKEN not in files[0].read_text())
    assert stopped == (1, "", "Aborted!")
    assert {len(load_cassette(file).interactions) for file in files} == {100}
    assert [TOKEN in file.read_text() for file in (files[0], files[-1])] == [False, True]
    assert sorted((tmp_path / "many").iterdir()) == files


def test_scrub_leaves_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("interactions: []\n")
    result = ran("scrub", tmp_path / "bad.yaml")
    assert (result.exit_code, (tmp_path / "bad.yaml").read_text()) == (2, "interactions: []\n")
    assert "was cut off" in result.stderr


def test_a_damaged_file_does_not_keep_the_others_from_what_is_done_to_them(tmp_path: Path) -> None:
    for name in ("a.yaml", "c.yaml"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text("interactions: []\n")
    last = written(tmp_path / "in" / "d.yaml", SECRET)
    converted = ran("convert", tmp_path / "in", "--to", tmp_path / "out")
    assert (converted.exit_code, converted.stdout) == (2, f"{last} → {tmp_path / 'out' / 'd.yaml'}: 1 interaction\n")
    scrubbed = ran("scrub", tmp_path / "in")
    assert (scrubbed.exit_code, scrubbed.stdout.splitlines()[0]) == (2, f"scrubbed {last}")
    for result in (converted, scrubbed):
        assert [f"{name}: the last line" in result.stderr for name in ("a.yaml", "c.yaml")] == [True, True]
    said = ran("scrub", tmp_path / "in", "--json")
    assert (said.exit_code, len(json.loads(said.stdout)["failed"])) == (2, 2)


def test_a_wrong_pattern_is_a_text(tmp_path: Path) -> None:
    result = ran("scrub", written(tmp_path / "c.yaml", CLEAN), "--pattern", "(")
    assert (result.exit_code, "'('; wanted: a regular expression" in result.stderr) == (2, True)


# --- convert ---


def test_convert_writes_vcrpy_s_cassette_in_our_shape_and_vcrpy_still_reads_it(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(VCRPY)
    result = ran("convert", old, "--to", new)
    assert result.stdout == f"{old} → {new}: 1 interaction\n"
    assert old.read_text() == VCRPY
    (one,) = load_cassette(new).interactions
    assert [chunk.data for chunk in one.response.chunks] == [b"data: one\n\n", b"data: two\n\n"]
    assert TOKEN not in new.read_text()
    assert "track:" in new.read_text()
    assert len(vcr.cassette.Cassette.load(path=str(new)).requests) == 1
    assert ran("convert", old, "--to", new).stdout.endswith(", as it was\n")


def test_convert_works_in_place_and_keeps_the_folders_of_many(tmp_path: Path) -> None:
    for name in ("x/one.yml", "x/y/two.yaml"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(VCRPY)
    (tmp_path / "three.json").write_text(json.dumps({"interactions": [], "version": 1}))
    out = tmp_path / "out"
    said = json.loads(ran("convert", tmp_path / "in", tmp_path / "three.json", "--to", out, "--json").stdout)
    assert [(each["to"], each["interactions"], each["changed"]) for each in said["converted"]] == [
        (str(out / "x" / "one.yaml"), 1, True),
        (str(out / "x" / "y" / "two.yaml"), 1, True),
        (str(out / "three.yaml"), 0, True),
    ]
    ran("convert", tmp_path / "in" / "x" / "one.yml")
    assert (tmp_path / "in" / "x" / "one.yml").read_bytes() == (out / "x" / "one.yaml").read_bytes()
    ran("convert", tmp_path / "three.json", "--to", out / "folder")
    assert (out / "folder" / "three.yaml").exists()


def test_convert_never_makes_one_file_of_two(tmp_path: Path) -> None:
    for name in ("a/c.yaml", "b/c.yaml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(VCRPY)
    result = ran("convert", tmp_path / "a", tmp_path / "b", "--to", tmp_path / "out")
    assert result.exit_code == 2
    assert "do not become one file" in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be removed: .*; it is still there"):
        storage.remove(tmp_path)  # a folder


def test_scrub_says_which_setting_the_suite_then_needs(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", CLEAN)
    said = ran("scrub", path, "--name", "x-tenant", "--keep", "email").stdout
    assert "fakegpt_config with {'redaction': Redaction(names=('x-tenant',), keep=('email',))}" in said
    assert "fakegpt_config" not in ran("scrub", path).stdout
