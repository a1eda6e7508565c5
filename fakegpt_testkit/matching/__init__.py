"""Says whether a recorded request answers the one that is asked, and what differs where it does not.

Knows no files and no cassette: requests as values in, differences as values out. The caller redacts what it passes.
"""

from fakegpt_testkit.matching.choosing import Vary, chosen, named_by_vary
from fakegpt_testkit.matching.comparison import (
    DEFAULT_MATCH_ON,
    Comparison,
    Matcher,
    Mismatch,
    Rules,
    VcrRequest,
    compare,
    matches,
)
from fakegpt_testkit.matching.fields import concerns
from fakegpt_testkit.matching.fingerprint import fingerprint
from fakegpt_testkit.matching.leaves import Leaf, leaves
from fakegpt_testkit.matching.likeness import Likeness
from fakegpt_testkit.matching.search import Nearest, closest, not_recorded

__all__ = [
    "DEFAULT_MATCH_ON",
    "Comparison",
    "Leaf",
    "Likeness",
    "Matcher",
    "Mismatch",
    "Nearest",
    "Rules",
    "Vary",
    "VcrRequest",
    "chosen",
    "closest",
    "compare",
    "concerns",
    "fingerprint",
    "leaves",
    "matches",
    "named_by_vary",
    "not_recorded",
]
