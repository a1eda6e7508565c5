"""The one room that touches files: cassettes read and written whole, locked, named, and journalled while they grow.

Knows nothing of what is in a cassette; the journal knows the values of a tape, because it takes them one by one.
"""

from fakegpt_testkit.storage.files import OTHER_SUFFIXES, SUFFIXES, below, lock, read, remove, write
from fakegpt_testkit.storage.journal import Journal, Leftover, discard, leftovers, recover
from fakegpt_testkit.storage.names import inside, path_for

__all__ = [
    "OTHER_SUFFIXES",
    "SUFFIXES",
    "Journal",
    "Leftover",
    "below",
    "discard",
    "inside",
    "leftovers",
    "lock",
    "path_for",
    "read",
    "recover",
    "remove",
    "write",
]
