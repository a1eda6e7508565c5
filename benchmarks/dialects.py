"""Reads an answer of 400 events to its text: a `Stream` beside the SDK's own accumulation of the same bytes.

Run it with `make benchmark`. Milliseconds by CPU time, the best of several turns. An SDK is asked over its HTTP
library's own double; what a request costs that brings one event is taken off, so that reading is what is compared.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai

from fakegpt_testkit.effects import script
from fakegpt_testkit.timeline import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.exchange import Interaction

EVENTS = 400
TURNS = 15
ASK: Any = [{"role": "user", "content": "hi"}]
SSE = {"Content-Type": "text/event-stream"}


def answer(dialect: str, events: int) -> Interaction:
    return script(*(f"word{number} " for number in range(events)), dialect=dialect)[-1]


def served(body: bytes) -> Any:
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=SSE, content=body)))


def chat(body: bytes) -> Callable[[], str]:
    client = openai.OpenAI(api_key="k", http_client=served(body))

    def read() -> str:
        chunks: Any = client.chat.completions.create(model="m", messages=ASK, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    return read


def chat_helper(body: bytes) -> Callable[[], str]:
    client = openai.OpenAI(api_key="k", http_client=served(body))

    def read() -> str:
        with client.chat.completions.stream(model="m", messages=ASK) as stream:
            return str(stream.get_final_completion().choices[0].message.content)

    return read


def messages(body: bytes) -> Callable[[], str]:
    client = anthropic.Anthropic(api_key="k", http_client=served(body))

    def read() -> str:
        with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
            return str(stream.get_final_text())

    return read


SDKS: dict[str, tuple[str, Callable[[bytes], Callable[[], str]]]] = {
    "openai, each chunk": ("openai-chat", chat),
    "openai, its helper": ("openai-chat", chat_helper),
    "anthropic, its helper": ("anthropic", messages),
}


def took(read: Callable[[], str]) -> float:
    """Milliseconds, the best of the turns."""
    best = float("inf")
    for _ in range(TURNS):
        begun = time.process_time()
        read()
        best = min(best, time.process_time() - begun)
    return best * 1000


def main() -> None:
    print(f"| {EVENTS} events | ours, ms | the SDK, ms | times ours |\n|---|---|---|---|")
    for name, (dialect, reader) in SDKS.items():
        given = answer(dialect, EVENTS)
        body = given.response.body
        assert Stream(given).text == reader(body)()
        ours = took(lambda given=given: Stream(given).text)  # type: ignore[misc]
        sdks = took(reader(body)) - took(reader(answer(dialect, 1).response.body))
        print(f"| {name} | {ours:.2f} | {sdks:.2f} | {sdks / ours:.1f} |")
    given = answer("fakegpt", EVENTS)
    print(f"| FakeGpt's own, the whole text in each event | {took(lambda: Stream(given).text):.2f} | | |")


if __name__ == "__main__":
    main()
