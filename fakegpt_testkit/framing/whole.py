"""Where an answer stands that is one JSON value, and not cut into events.

Knows no dialect, and takes no time to import: who finds none of these fields need not load those who read them.
"""

from __future__ import annotations

from typing import Final

TOLD_IN: Final = frozenset(
    {
        *("candidates", "choices", "completion", "content", "generation", "generations", "message", "object"),
        *("output", "outputs", "promptFeedback", "response", "results", "text", "usageMetadata"),
    }
)
"""Each whole answer of the dialects that are there for everyone has one of these fields; else none of them is asked."""
