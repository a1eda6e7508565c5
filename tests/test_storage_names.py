"""Each test has a path of its own for its cassette, one that tells the test and is fine everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakegpt_testkit import storage
from fakegpt_testkit.errors import CassetteNameRefused
from fakegpt_testkit.storage import names


@pytest.mark.parametrize(
    ("test_id", "path"),
    [
        ("tests/test_chat.py::test_greets", "test_chat/test_greets.yaml"),
        ("tests/api/test_chat.py::test_greets", "api/test_chat/test_greets.yaml"),
        ("test_chat.py::test_greets", "test_chat.py/test_greets.yaml"),
        ("src/pkg/test_chat.py::test_greets", "src/pkg/test_chat.py/test_greets.yaml"),
        ("tests/test_chat.py::TestChat::test_greets[de-1.5]", "test_chat/TestChat.test_greets[de-1.5].yaml"),
        ("tests/test_chat.py::test_a[x/y: z?]", "test_chat/test_a[x%2fy%3a%20z%3f].yaml"),
        ("tests/test_chat.py::test_a[ü]", "test_chat/test_a[%c3%bc].yaml"),
        ("tests/con.py::nul", "%63on/%6eul.yaml"),
        ("tests/v1.2/test_a.py::test_b", "v1%2e2/test_a/test_b.yaml"),
        ("tests/guide.md::1", "tests/guide%2emd.%/1.yaml"),
        ("no pytest id", "no%20pytest%20id.%/%.yaml"),
    ],
)
def test_a_test_id_gives_a_path_that_tells_the_test(tmp_path: Path, test_id: str, path: str) -> None:
    assert names.path_for(tmp_path, test_id) == tmp_path / path


pieces = st.sampled_from(
    [
     "tests", "test_a", "test_A", "TEST_A", ".py", ".PY", "/", "::", ".", "[", "]", "a", "A", "b", "-", "~", "%",
     "%2e", "~1", "con", "AUX", "com1", ":", "\\", " ", "é", "e\u0301", "É", "\udc80", "x" * 150, "X" * 150,
     ".yaml", "\x00", "", "+", "test_chat"
    ]
)  # fmt: skip
test_ids = st.lists(pieces, min_size=1, max_size=9).map("".join)
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{digit}" for name in ("com", "lpt") for digit in range(10))}


def _path(test_id: str) -> str | None:
    try:
        return names.path_for(Path("cassettes"), test_id).as_posix()
    except CassetteNameRefused:
        return None


@given(test_ids, test_ids)
@example("tests/a.py::b", "tests/a::b")
@example("tests/test_a.py::a/b", "tests/test_a.py::a-b")
@example("tests/a.py::A::b", "tests/a.py::A.b")
@example("tests/a.py", "tests/a.py::")
@example("tests/a.py::" + "x" * 300, "tests/a.py::" + "x" * 299 + "X")
def test_two_test_ids_never_share_a_path_even_without_case(one: str, other: str) -> None:
    first = _path(one)
    if one == other or first is None:
        return
    there: dict[str, dict[str, list[str]]] = {}
    path = Path(first)
    for folder in path.parents:
        there[str(folder)] = {path.name.lower(): [path.name]}
        path = folder
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(names, "_names_in", lambda folder: (found := there.get(folder, {}), "~" in "".join(found)))
        assert _path(one) == first
        second = _path(other)
    if second is not None:
        assert first.lower() != second.lower()


def test_a_number_tells_names_that_differ_in_capitals_and_old_names_are_found(tmp_path: Path) -> None:
    def path(test: str) -> str:
        return names.path_for(tmp_path, f"tests/a.py::{test}").relative_to(tmp_path).as_posix()

    def write(name: str) -> None:
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    assert [path("TestA::test_b"), path("testA::test_b"), path("testa::test_b")] == [
        "a/TestA.test_b.yaml",
        "a/testA.test_b.yaml",
        "a/testa.test_b.yaml",
    ]
    write("a/TestA.test_b.yaml")
    assert [path("TestA::test_b"), path("testA::test_b"), path("testa::test_b")] == [
        "a/TestA.test_b.yaml",
        "a/testA.test_b~10.yaml",
        "a/testa.test_b~0.yaml",
    ]
    write("a/TestC.test_d~11.yaml")  # as every name with capitals was called
    assert path("TestC::test_d") == "a/TestC.test_d~11.yaml"


@given(test_ids)
def test_every_name_is_fine_everywhere(test_id: str) -> None:
    path = _path(test_id)
    if path is None:
        return
    assert path.startswith("cassettes/")
    for part in path.split("/"):
        assert 0 < len(part.encode("ascii")) <= 255
        assert part.isprintable()
        assert not set(part) & set('<>:"\\|?*')
        assert not part.startswith((".", " "))
        assert not part.endswith((".", " "))
        assert part.split(".")[0].lower() not in _RESERVED
    folders, name = path.split("/")[:-1], path.split("/")[-1]
    assert name.endswith(".yaml")
    assert not any(folder.endswith(".yaml") for folder in folders)  # a folder can never be where a cassette must be


@pytest.mark.parametrize("name", ["", "../a", "a/../../b", "/etc/passwd", "C:/a", "c:a", "\\\\host\\a"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    for give in (storage.path_for, storage.inside):
        with pytest.raises(CassetteNameRefused, match="cannot name a cassette"):
            give(tmp_path, name)


@pytest.mark.parametrize("name", ["a//b", "a/", "a\\b", "a\0b", "x" * 252])
def test_a_name_of_its_own_is_a_plain_relative_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(CassetteNameRefused):
        storage.inside(tmp_path, name)


def test_a_test_may_name_its_cassette(tmp_path: Path) -> None:
    assert storage.inside(tmp_path, "login/first") == tmp_path / "login" / "first.yaml"
    assert storage.inside(tmp_path, "first.yaml") == tmp_path / "first.yaml"
    assert storage.inside(tmp_path, "first.yml") == tmp_path / "first.yml"


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    (folder / "test_chat").symlink_to(tmp_path)
    (folder / "out.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    (folder / "in.yaml").symlink_to(folder / "other.yaml")
    (folder / "beside.yaml").symlink_to(tmp_path / "cassettes-of-others" / "a.yaml")  # whose name only begins so
    with pytest.raises(CassetteNameRefused, match="a link leads out"):
        storage.path_for(folder, "tests/test_chat.py::test_a")
    with pytest.raises(CassetteNameRefused, match="a link leads out"):
        storage.inside(folder, "out")
    with pytest.raises(CassetteNameRefused, match="a link leads out"):
        storage.inside(folder, "beside")
    assert storage.inside(folder, "in") == folder / "in.yaml"
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert storage.inside(link, "a") == link / "a.yaml"  # the folder itself may be a link
