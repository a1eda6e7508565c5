"""libcurl's handles, as pycurl and curl_cffi give them: a request is stopped where it would begin.

Imports neither. pycurl's classes are C's and cannot be changed, so others take their names, in its module and in those
that took them from there; and a handle that was made before is asked by libcurl itself whether its request may go.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fakegpt_testkit.clients.active import find_deck
from fakegpt_testkit.clients.unmet import stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from fakegpt_testkit.clients.binding import Replacement


def bind_pycurl(loaded: Any) -> list[Replacement]:
    """What is replaced in ``pycurl``, and wherever its classes were imported by name."""
    recording = sys.modules.get("pytest_recording.network")
    module: Any = loaded if type(loaded) is ModuleType else vars(recording)["pycurl"]  # which stands in its place
    asked = partial(_asked_of_handle, module.EFFECTIVE_METHOD, module.EFFECTIVE_URL)
    begins = {
        "Curl": ("perform", "perform_rb", "perform_rs"),
        "CurlMulti": ("add_handle",),
    }
    stop = partial(stopping, "pycurl", asked)
    kinds = {name: vars(module)[name] for name, methods in begins.items() if hasattr(vars(module)[name], methods[0])}
    ours = {name: _in_place_of(begins[name], stop, kind) for name, kind in kinds.items()}
    instead = {id(kind): ours[name] for name, kind in kinds.items()}
    places: list[Replacement] = [
        (each, named, partial(_given, instead[at])) for each, named, at in _named(instead.keys(), module)
    ]
    if "Curl" in kinds and recording is not None:
        places.append((vars(recording)["Curl"], "__init__", partial(_made_with, ours["Curl"])))
    if (asynchronous := vars(module).get("AsyncCurlMulti")) is not None:  # has a name of its own for the multi handle
        places.append((asynchronous, "add_handle", stop))
    if "Curl" in kinds and hasattr(module, "PREREQFUNCTION"):
        _watch_all(module, kinds["Curl"])
    return places


def forget_pycurl() -> None:
    """The handles that were made before are asked nothing any more."""
    while _watched:
        handle, option = _watched.pop()
        with suppress(Exception):  # it performs in another thread, or is closed
            handle.unsetopt(option)


_watched: list[tuple[Any, int]] = []
"""Handles of before, and the option by which libcurl asks."""


def _watch_all(module: Any, kind: type) -> None:
    before: list[Any] = [each for each in gc.get_objects() if type(each) is kind]
    for handle in before:
        with suppress(module.error):  # it performs in another thread, or is closed
            handle.setopt(module.PREREQFUNCTION, partial(_may_go, module, *_told(module, handle)))
            _watched.append((handle, module.PREREQFUNCTION))


def _told(module: ModuleType, handle: Any) -> tuple[str, str]:
    """The method and the URL that a handle is set to ask, when the cassette is opened: later nobody can look."""
    return _asked_of_handle(module.EFFECTIVE_METHOD, module.EFFECTIVE_URL, handle)


def _may_go(module: ModuleType, method: str, uri: str, there: str, _: str, port: int, *__: Any) -> int:
    """Whether libcurl may send a request, now that it has a connection; no exception of ours could cross it."""
    asked = uri if uri.partition("://")[2] else f"http://{there}:{port}/"
    if (deck := find_deck(asked)) is None:
        return int(module.PREREQFUNC_OK)
    deck.stopped("pycurl", method, asked)
    return int(module.PREREQFUNC_ABORT)


def _named(kinds: AbstractSet[int], home: ModuleType) -> Iterator[tuple[ModuleType, str, int]]:
    """The names that classes of these ids have in modules: in their own, and where they were imported from there."""
    for module in {id(each): each for each in (home, *sys.modules.values()) if type(each) is ModuleType}.values():
        names = dict(vars(module))
        if not kinds.isdisjoint(map(id, names.values())):  # for almost none of some thousand modules
            yield from ((module, name, id(each)) for name, each in names.items() if id(each) in kinds)


def _given(ours: Any, _: Any) -> Any:
    return ours


def _made_with(ours: Any, original: Callable[..., None]) -> Callable[..., None]:
    """pytest-recording's handle holds a real one: one of ours."""

    def init(self: Any, handle: Any = None) -> None:
        original(self, ours() if handle is None else handle)

    return init


def bind_curl_cffi(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``curl_cffi.curl``."""
    asked = partial(_asked_of_handle, module.CurlInfo.EFFECTIVE_METHOD, module.CurlInfo.EFFECTIVE_URL)
    return [(module.Curl, "perform", partial(stopping, "curl_cffi", asked))]


def bind_curl_cffi_multi(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``curl_cffi.aio``."""
    info = sys.modules["curl_cffi.curl"].CurlInfo
    asked = partial(_asked_of_handle, info.EFFECTIVE_METHOD, info.EFFECTIVE_URL)
    return [(module.AsyncCurl, "add_handle", partial(stopping, "curl_cffi", asked))]


def _in_place_of(methods: tuple[str, ...], stop: Callable[[Any], Any], kind: Any) -> Any:
    """A class of the same objects, whose own begin no request while a cassette is open."""

    class Same(type(kind)):  # type: ignore[misc] # whatever it is
        def __instancecheck__(cls, each: object) -> bool:
            return isinstance(each, kind) if cls is stopped else super().__instancecheck__(each)

        def __subclasscheck__(cls, each: type) -> bool:
            return issubclass(each, kind) if cls is stopped else super().__subclasscheck__(each)

    replaced = {name: stop(getattr(kind, name)) for name in methods if hasattr(kind, name)}
    stopped = Same(kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__, **replaced})
    return stopped


def _asked_of_handle(method: Any, url: Any, holder: Any, handle: Any = None, *_: Any, **__: Any) -> tuple[str, str]:
    """What a handle is set to ask: the one that performs, or that a multi handle gets."""
    told = [holder.getinfo(each) if _is_handle(holder) else handle.getinfo(each) for each in (method, url)]
    said, uri = (each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each or "") for each in told)
    return said or "GET", uri if "://" in uri else f"http://{uri}"


def _is_handle(each: Any) -> bool:
    return hasattr(each, "getinfo")
