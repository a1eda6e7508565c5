"""The base of all errors of this package, and of its warnings. Knows none of them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import ClassVar, dataclass_transform


@dataclass_transform(eq_default=False)
class FakeGptTestkitError(Exception):
    """The base of every error that this package raises on its own account.

    A subclass that names fields is a dataclass: it takes them, shows them in its ``repr``, and is pickled and copied by
    them. Its ``_message`` words them, as ``{self.path}``; its ``__str__`` does where that depends on them.
    """

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _message: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if inspect.get_annotations(cls):
            dataclass(eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        self.args = tuple(getattr(self, name) for name in self.__match_args__)

    def __str__(self) -> str:
        return self._message.format(self=self) if self._message else super().__str__()


class FakeGptTestkitWarning(UserWarning):
    """What may be meant, and often is not; it holds the error that it would be, and its text begins with its name.

    So that one kind can be filtered: ``ignore:StreamLeftOpen``.
    """

    def __str__(self) -> str:
        problem = self.args[0]
        return f"{type(problem).__name__}: {problem}" if isinstance(problem, FakeGptTestkitError) else str(problem)
