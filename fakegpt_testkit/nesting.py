"""What is in force, the innermost last; whoever puts something in takes out the same, in whatever order they leave.

Knows neither what is put in nor when: guards over the network and decks over a client nest this way.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Layer(Generic[T]):
    """One thing that was put in; None where what lies further out is not in force. Equal to nothing but itself."""

    value: T | None


def innermost(layers: list[Layer[T]]) -> T | None:
    """What is in force: what was put in last, by those who are still there."""
    return layers[-1].value if layers else None


@contextmanager
def inside(layers: list[Layer[T]], value: T | None) -> Iterator[None]:
    """Put something in until the block ends."""
    layer = Layer(value)
    layers.append(layer)
    try:
        yield
    finally:
        layers.remove(layer)


@contextmanager
def lifted(layers: list[Layer[T]]) -> Iterator[None]:
    """Put nothing in force until the block ends; what comes in meanwhile counts, and stays if it outlives the block."""
    if not layers:
        yield
        return
    with inside(layers, None):
        yield
