"""What a recording of the provider keeps, whatever cuts the network makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakegpt_testkit import EndingKind, FakeGpt, use_cassette
from fakegpt_testkit.exchange import Ending
from fakegpt_testkit.fakegpt.stand_in import Options
from fakegpt_testkit.fakegpt.stand_in.service import FakeGptStandIn
from fakegpt_testkit.serving import Act, Library, Server, serve

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.exchange import Request


class LateStandIn(FakeGptStandIn):
    """A stand-in of whose login the body comes a while after the head."""

    def act(self, request: Request, *, framed: bool) -> Act:
        act = super().act(request, framed=framed)
        if request.path != "/auth/login":
            return act
        body = [replace(each, at=0.05) for each in act.tape.chunks]
        return Act(replace(act.tape, chunks=tuple(body), ending=Ending(at=0.05)))


async def test_a_login_is_recorded_whole_when_its_body_comes_after_its_head(tmp_path: Path) -> None:
    server = Server(Library(lambda: ()), casting=lambda: LateStandIn(Options(text="Hello")))
    async with serve(server) as url:
        provider: type[FakeGpt] = type("Mine", (FakeGpt,), {"url": url})
        with use_cassette(tmp_path / "login.yaml", record_mode="once") as cassette:
            assert await provider.create_async("", [{"role": "user", "content": "Hi"}]) == "Hello"
    assert [each.response.ending.kind for each in cassette.recorded] == [EndingKind.COMPLETE] * 4
