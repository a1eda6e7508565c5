"""What is in force, and that everybody takes out what they put in, in whatever order they leave."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import permutations

import pytest

from fakegpt_testkit import guard
from fakegpt_testkit.guard.policy import Guard, active, guards
from fakegpt_testkit.nesting import Layer, innermost, inside, lifted

pytestmark = pytest.mark.once


def test_the_innermost_is_in_force_until_it_leaves() -> None:
    layers: list[Layer[str]] = []
    assert innermost(layers) is None
    with inside(layers, "a"):
        with inside(layers, "b"):
            assert innermost(layers) == "b"
        assert innermost(layers) == "a"
    assert layers == []


def test_nothing_is_in_force_while_it_is_lifted_and_what_comes_in_then_is() -> None:
    layers: list[Layer[str]] = []
    with lifted(layers):
        with inside(layers, "a"):
            assert innermost(layers) == "a"
            with lifted(layers), lifted(layers):
                assert innermost(layers) is None
            assert innermost(layers) == "a"
        assert layers == []


@pytest.mark.parametrize("order", [*permutations("abcd")], ids="".join)
def test_everybody_takes_out_their_own(order: tuple[str, ...]) -> None:
    layers: list[Layer[str]] = []
    blocks = {"a": inside(layers, "same"), "b": lifted(layers), "c": inside(layers, "same"), "d": lifted(layers)}
    for block in blocks.values():
        block.__enter__()
    entered = dict(zip("abcd", layers, strict=True))
    for name in order:
        blocks[name].__exit__(None, None, None)
        del entered[name]
        assert layers == [*entered.values()]


def test_a_guard_that_comes_in_while_another_is_lifted_stays() -> None:
    first, second = Guard("first"), Guard("second")
    with ExitStack() as later:
        with guard.guarded(first):
            with guard.lifted():
                assert active() is None
                later.enter_context(guard.guarded(second))
                assert active() is second
            assert active() is second
        assert active() is second
        assert len(guards) == 1
    assert guards == []
