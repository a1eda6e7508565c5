"""Tells when a module has been imported, whoever imports it.

Knows no module by its name, and imports none.
"""

from __future__ import annotations

import importlib.util
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Later:
    """A finder that finds nothing by itself: it has these modules bound as soon as somebody else's loader has run them.

    For ``sys.meta_path``. ``bind`` gets a module's name and the module.
    """

    def __init__(self, names: Container[str], bind: Callable[[str, ModuleType], None]) -> None:
        self._names = names
        self._bind = bind
        self._looking = threading.local()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """See ``importlib.abc.MetaPathFinder``."""
        if name not in self._names or getattr(self._looking, "name", "") == name:
            return None
        self._looking.name = name
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking.name = ""
        if spec is not None and spec.loader is not None:
            spec.loader = BindingLoader(spec.loader, self._bind)  # type: ignore[assignment] # by its methods it is one
        return spec


class BindingLoader:
    """A module's own loader, and then the binding. The module keeps its own loader for all who ask."""

    def __init__(self, loader: object, bind: Callable[[str, ModuleType], None]) -> None:
        self._loader = loader
        self._bind = bind

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then bind it."""
        assert module.__spec__ is not None, "a module that is loaded has a spec"
        module.__loader__ = module.__spec__.loader = self._loader  # type: ignore[assignment]
        self._loader.exec_module(module)  # type: ignore[attr-defined]
        self._bind(module.__spec__.name, module)


def is_initializing(module: ModuleType) -> bool:
    """Whether another thread is in the midst of importing it."""
    return bool(getattr(module.__spec__, "_initializing", False))
