"""The one room that touches files: cassettes read and written whole, locked, named, and journalled while they grow.

Knows nothing of what is in a cassette; the journal knows the values of a tape, because it takes them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit.storage.files import (
        OTHER_SUFFIXES,
        SUFFIXES,
        Pages,
        Stamp,
        below,
        move,
        pages,
        read,
        remove,
        stamp_of,
        write,
    )
    from fakegpt_testkit.storage.journal import Journal, Leftover, discard, leftovers, read_journal
    from fakegpt_testkit.storage.locks import lock
    from fakegpt_testkit.storage.names import inside, path_for, worded_beside

__all__ = [
    "OTHER_SUFFIXES",
    "SUFFIXES",
    "Journal",
    "Leftover",
    "Pages",
    "Stamp",
    "below",
    "discard",
    "inside",
    "leftovers",
    "lock",
    "move",
    "pages",
    "path_for",
    "read",
    "read_journal",
    "remove",
    "stamp_of",
    "worded_beside",
    "write",
]

_FILES = {
    "files": (
        "OTHER_SUFFIXES",
        "SUFFIXES",
        "Pages",
        "Stamp",
        "below",
        "move",
        "pages",
        "read",
        "remove",
        "stamp_of",
        "write",
    ),
    "journal": ("Journal", "Leftover", "discard", "leftovers", "read_journal"),
    "locks": ("lock",),
    "names": ("inside", "path_for", "worded_beside"),
}
__getattr__, __dir__ = defer(__name__, _FILES)
