"""A published client that nobody here wrote records and replays unchanged: huggingface_hub's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import huggingface_hub as hub
import pytest
from support.servers import RESET, Answers, Asked, serve
from support.three_ways import LOOPS, run_in, view

from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.recorder import load_cassette, use_cassette

if TYPE_CHECKING:
    from pathlib import Path

KEY = "hf_" + "qWeRtYuIoPaSdFgHjKlZxCvBnM12345678"


def event(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]}
    data = b"data: " + json.dumps({"id": "1", "created": 1, "model": "m", "system_fingerprint": "", **delta}).encode()
    return b"%x\r\n%s\n\n\r\n" % (len(data) + 2, data)


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


def answer(asked: Asked) -> tuple[bytes | float, ...]:
    assert asked.header("Authorization") == f"Bearer {KEY}"
    if not json.loads(asked.body)["stream"]:
        message = {"message": {"role": "assistant", "content": "Hi!"}, "index": 0, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        whole = {"id": "1", "created": 1, "model": "m", "choices": [message], "usage": usage, "system_fingerprint": ""}
        body = json.dumps(whole).encode()
        return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    return (CHUNKED, 0.003, event("Hel"), 0.003, event("lo 😀"), 0.003, DONE)


ANSWERS: Answers = {"/v1/chat/completions": answer}
BROKEN: Answers = {"/v1/chat/completions": (CHUNKED, 0.003, event("Hel"), 0.003, RESET)}


async def chat(url: str, prompt: str = "Hi") -> object:
    """A streamed answer and a whole one; the class of what it raises, if it does."""
    seen: list[object] = []
    messages = [{"role": "user", "content": prompt}]
    async with hub.AsyncInferenceClient(base_url=f"{url}/v1", api_key=KEY) as client:
        try:
            async for part in await client.chat_completion(messages, stream=True):
                seen.append(part.choices[0].delta.content)  # noqa: PERF401 - what came before an exception
            whole = await client.chat_completion(messages)
            seen.append(whole.choices[0].message.content)
        except Exception as failure:
            if isinstance(failure, RequestNotRecorded):
                raise
            seen.append(type(failure))
    return seen


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("answers", [ANSWERS, BROKEN], ids=["whole", "reset"])
def test_a_client_of_others_records_and_replays_unchanged(answers: Answers, loop: str, tmp_path: Path) -> None:
    views = run_in(loop, view(chat, serve(answers), tmp_path))
    for seen in views:
        assert seen == views.live
    if answers is ANSWERS:
        assert views.live == ["Hel", "lo 😀", "Hi!"]
    assert KEY not in (tmp_path / "recorded.yaml").read_text()
    assert [chunk.data[:5] for chunk in views.cassette.interactions[0].response.chunks][:1] == [b"data:"]


def test_its_other_prompt_was_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"

    async def main() -> None:
        async with serve(ANSWERS) as server:
            with use_cassette(file, record_mode="once"):
                await chat(server.url)
            with use_cassette(file), pytest.raises(RequestNotRecorded, match=r"recorded 'Hi', asked 'Bye'"):
                await chat(server.url, "Bye")

    run_in("asyncio", main())
    assert len(load_cassette(file).interactions) == 2
