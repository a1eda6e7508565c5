"""Names the fields of a request that choose one of several answers, and reads them in the form in which they are equal.

Knows no rules: whether such a field is ignored is asked elsewhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from fakegpt_testkit.exchange import PLACEHOLDER

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers

Vary: TypeAlias = tuple[str, ...]
"""Names of fields in lower case."""

_ALWAYS: Final = ("range", "if-range", "accept", "accept-language")
"""RFC 9110, 14.2, 13.1.5 and 12.5; of the others ``Accept-Encoding`` is settled before a body is compared."""

_ANYTHING: Final = {"accept": "*/*", "accept-language": "*"}
"""What says the same as no field."""

_NEVER: Final = frozenset({"*", "accept-encoding", "authorization", "cookie", "proxy-authorization", "user-agent"})
"""Who asks and with which library tells no two requests of a test apart, though many services name it."""


def named_by_vary(headers: Headers) -> Vary:
    """The fields that an answer's ``Vary`` names, without those that decide always or never."""
    named = (word.strip().lower() for name, value in headers if name.lower() == "vary" for word in value.split(","))
    return tuple(dict.fromkeys(word for word in named if word and word not in _NEVER and word not in _ALWAYS))


def choosing(vary: Vary) -> Vary:
    """The fields that choose this answer."""
    return (*_ALWAYS, *vary)


@lru_cache(maxsize=4096)
def chosen(name: str, headers: Headers) -> str:
    """What a request says in a field, without order, case and white space where these say nothing; or nothing."""
    values = [PLACEHOLDER.sub("REDACTED", value) for field, value in headers if field.lower() == name]
    if name == "if-range":
        return ", ".join(values)
    words = ("".join(word.split()) for value in values for word in value.split(","))
    if name.startswith(("accept", "range")):
        words = (word.lower() for word in words)
    said = ", ".join(sorted(words) if name.startswith("accept") else words)
    return "" if said == _ANYTHING.get(name) else said
