"""A client that meets a secret of the environment, recorded, and replayed where the secret is not there any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.recorder import use_cassette
from support.raw import raw_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pytest

    from support.servers import Answers


def with_and_without(
    key: str, client: Callable[[str], str], answers: Answers, spelled: Iterable[bytes],
    folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> tuple[str, str]:  # fmt: skip
    """What the client says while it is recorded, and of the replay; none of what is ``spelled`` is on the disk."""
    monkeypatch.setenv("DOOR_KEY", key)
    with raw_server(answers) as server:
        with use_cassette(folder / "a.yaml", record_mode="once"):
            live = client(server.url)
        url = server.url
    data = (folder / "a.yaml").read_bytes()
    assert [each for each in spelled if each in data] == []
    monkeypatch.delenv("DOOR_KEY")
    with use_cassette(folder / "a.yaml", record_mode="none"):
        return live, client(url)
