"""What a recording of the provider keeps, whatever cuts the network makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fakegpt_testkit import EndingKind, FakeGpt, serving, use_cassette
from fakegpt_testkit.exchange import Ending, Head, Headers, Tape
from fakegpt_testkit.fakegpt.stand_in import Options
from fakegpt_testkit.fakegpt.stand_in.service import StandIn
from fakegpt_testkit.serving.plan import Plan, Progress
from fakegpt_testkit.wire.writing import encode_head

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.serving.connection import Connection
    from fakegpt_testkit.serving.reading import Asked


class Late:
    """A connection on which the body of an answer comes a while after its head."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def reply(self, status: int, body: bytes, headers: Headers) -> None:
        head = Head(status, "OK", headers)
        frames = [(0.0, encode_head(head, headers), False), (0.05, body, False)]
        plan = Plan("POST", frames, Ending(EndingKind.COMPLETE, 0.05))
        self._connection.play(plan, serving.RECORDED, Progress(Tape(head), "POST"))


class LateStandIn(StandIn):
    def answer(self, asked: Asked, connection: Connection) -> None:
        late = cast("Connection", Late(connection)) if asked.target == "/auth/login" else connection
        super().answer(asked, late)


async def test_a_login_is_recorded_whole_when_its_body_comes_after_its_head(tmp_path: Path) -> None:
    async with serving.serve(LateStandIn(Options(text="Hello"))) as url:
        provider: type[FakeGpt] = type("Mine", (FakeGpt,), {"url": url})
        with use_cassette(tmp_path / "login.yaml", record_mode="once") as cassette:
            assert await provider.create_async("", [{"role": "user", "content": "Hi"}]) == "Hello"
    assert [each.response.ending.kind for each in cassette.recorded] == [EndingKind.COMPLETE] * 4
