"""libcurl's handles, as pycurl and curl_cffi give them: a request is stopped where it would begin.

Imports neither. pycurl's classes are C's and cannot be changed, so others take their names in its module: a handle that
was made before, or by a name that a program took from there before, nobody stops.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from fakegpt_testkit.clients.unmet import stopping

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fakegpt_testkit.clients.binding import Replacement


def bind_pycurl(module: ModuleType) -> list[Replacement]:
    """What is replaced in ``pycurl``."""
    asked = partial(_asked_of_handle, module.EFFECTIVE_METHOD, module.EFFECTIVE_URL)
    begins = {
        "Curl": ("perform", "perform_rb", "perform_rs"),
        "CurlMulti": ("add_handle",),
    }
    stop = partial(stopping, "pycurl", asked)
    places: list[Replacement] = [
        (module, name, partial(_in_place_of, each, stop))
        for name, each in begins.items()
        if hasattr(vars(module)[name], each[0])  # else it is no handle, but what somebody else put in its place
    ]
    if (asynchronous := vars(module).get("AsyncCurlMulti")) is not None:  # has a name of its own for the multi handle
        places.append((asynchronous, "add_handle", stop))
    return places


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
