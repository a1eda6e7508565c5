"""Which deck a request meets: the one of its context, else the one that was inserted last.

Knows no client: each of them asks here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from fakegpt_testkit.nesting import Layer, innermost, inside, lifted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.wire.deck import Deck

_of_context: ContextVar[Deck | None] = ContextVar("fakegpt_testkit_deck", default=None)
_inserted: list[Layer[Deck]] = []
"""Every deck that is in, the last one last: the default where no context says which (another thread, an older task).
An empty layer pauses those before it."""


@contextmanager
def active(deck: Deck) -> Iterator[None]:
    """Make a deck the active one: in this context and what it starts, and wherever no context says otherwise."""
    outer = _of_context.get()
    try:
        with inside(_inserted, deck):
            _of_context.set(deck)
            yield
    finally:
        _of_context.set(outer)  # not a token's reset: a generator fixture is left in another context than entered


def paused() -> AbstractContextManager[None]:
    """Leave all requests alone, as if no deck were in, until the block ends; a deck that comes in meanwhile counts."""
    return lifted(_inserted)


@contextmanager
def wider() -> Iterator[None]:
    """A pause for what outlives a test: a deck that comes in meanwhile and stays counts less than those before it."""
    outer, before = _of_context.get(), [*_inserted]
    with paused():
        yield
    came = [layer for layer in _inserted if layer not in before]
    if before and came:
        _inserted[:] = [*came, *(layer for layer in _inserted if layer in before)]
        _of_context.set(outer)


def find_deck(uri: str = "", *, asks: bool = True) -> Deck | None:
    """The deck of this context, else the one inserted last; None for a ``uri`` that is no part of its recording.

    ``asks`` is False where a request is looked at ahead, and will be looked at again.
    """
    last = innermost(_inserted)
    if last is None:
        return None
    deck = _of_context.get()
    if deck is not last and (deck is None or all(layer.value is not deck for layer in _inserted)):
        deck = last
    return None if uri and deck.passes(uri, asks=asks) else deck
