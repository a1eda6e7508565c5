"""Takes secrets out of interactions, texts and streams, before anything is written, shown or compared.

Knows no files: values in, values without secrets out. One ``Redactor`` serves one cassette, and all that is said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.deferred import defer

if TYPE_CHECKING:
    from fakegpt_testkit.redaction.environment import expected
    from fakegpt_testkit.redaction.ids import former_id, ids_with, may_be, shown_id, words_in
    from fakegpt_testkit.redaction.incremental import StreamRedactor
    from fakegpt_testkit.redaction.people import personal
    from fakegpt_testkit.redaction.redactor import Redactor
    from fakegpt_testkit.redaction.settings import Finder, Redaction

__all__ = [
    "Finder",
    "Redaction",
    "Redactor",
    "StreamRedactor",
    "expected",
    "former_id",
    "ids_with",
    "may_be",
    "personal",
    "shown_id",
    "words_in",
]

_FILES = {
    "environment": ("expected",),
    "ids": ("former_id", "ids_with", "may_be", "shown_id", "words_in"),
    "incremental": ("StreamRedactor",),
    "people": ("personal",),
    "redactor": ("Redactor",),
    "settings": ("Finder", "Redaction"),
}
__getattr__, __dir__ = defer(__name__, _FILES)
