"""What every provider offers: one asynchronous answer, in the ways that programs ask for it.

Knows no service: a provider says how an answer is made, in `create_async_generator`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, Final

from fakegpt_testkit.serving.threads import loop_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from types import TracebackType

    from fakegpt_testkit.fakegpt.conversation import Message


TIMEOUT: Final = 300.0
"""Seconds that a request may take, aiohttp's own default; an answer that streams for longer needs more."""


class Rewritten(str):
    """All of the answer as it stands now, because the service took back what it had said: what came before is void.

    Rare: a service that only adds to its answer never makes one. A program that does not look for it shows the answer
    twice; one that does replaces what it has.
    """

    __slots__ = ()


class AnswerStream(AsyncGenerator[str, None]):
    """The pieces of an answer as they come, none of them empty.

    An asynchronous generator that may also be awaited, which gives itself: both ``async for text in answer`` and
    ``async for text in await answer`` are written. Nothing is asked before the first piece is wanted; closing it, or
    leaving the loop when nothing else refers to it, closes the connection.
    """

    def __init__(self, pieces: AsyncGenerator[str, None]) -> None:
        self._pieces = pieces

    def __await__(self) -> Generator[None, None, AnswerStream]:
        yield from ()
        return self

    async def asend(self, value: None) -> str:
        """The next piece."""
        return await self._pieces.asend(value)

    async def athrow(  # the two forms that AsyncGenerator has
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> str:
        """Raise an exception where the answer waits."""
        error = typ if isinstance(typ, BaseException) else typ(*([] if val is None else [val]))
        return await self._pieces.athrow(error.with_traceback(tb) if tb else error)

    async def aclose(self) -> None:
        """Close the connection; more than once is fine."""
        await self._pieces.aclose()


class AsyncGeneratorProvider(ABC):
    """The base of the providers that answer piece by piece."""

    url: ClassVar[str]
    working: ClassVar[bool] = False
    supports_gpt_35_turbo: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def create_async_generator(
        cls,
        model: str,
        messages: Sequence[Message],
        proxy: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
        **kwargs: object,
    ) -> AnswerStream:
        """The answer to the messages, piece by piece.

        An empty ``model`` is the service's default one. ``proxy`` is the URL of an HTTP proxy for all requests,
        ``timeout`` the time in seconds that each of them may take, None for any. Other keywords are refused.
        """

    @classmethod
    async def create_async(
        cls,
        model: str,
        messages: Sequence[Message],
        proxy: str | None = None,
        *,
        timeout: float | None = TIMEOUT,  # noqa: ASYNC109  # it is aiohttp's, for each request
        **kwargs: object,
    ) -> str:
        """The whole answer."""
        return await _whole(cls.create_async_generator(model, messages, proxy, timeout=timeout, **kwargs))

    @classmethod
    def create_completion(
        cls,
        model: str,
        messages: Sequence[Message],
        stream: bool = True,
        *,
        proxy: str | None = None,
        timeout: float | None = TIMEOUT,
        **kwargs: object,
    ) -> Generator[str, None, None]:
        """The answer for synchronous code: piece by piece, or as one piece when ``stream`` is false.

        It is read by an event loop in a thread of its own, so it also works where a loop is running, in a notebook for
        instance; but it waits there, and that loop stands still meanwhile. Closing it early closes the connection.
        """
        answer = cls.create_async_generator(model, messages, proxy, timeout=timeout, **kwargs)
        return _pulled(answer) if stream else _pulled_whole(answer)


async def _whole(answer: AnswerStream) -> str:
    text = ""
    async with aclosing(answer):
        async for piece in answer:
            text = str(piece) if isinstance(piece, Rewritten) else text + piece
    return text


def _pulled(answer: AnswerStream) -> Generator[str, None, None]:
    async def following() -> str | None:
        return await anext(answer, None)

    with loop_in_a_thread("fakegpt-completion") as call:
        while (piece := call(following())) is not None:
            yield piece


def _pulled_whole(answer: AnswerStream) -> Generator[str, None, None]:
    with loop_in_a_thread("fakegpt-completion") as call:
        yield call(_whole(answer))
