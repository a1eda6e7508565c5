"""Takes the secrets out of a test's id, which names a cassette and stands in reports and hints.

Knows no environment and no suite: the same id gives the same text on every machine, or its cassette is not found.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from fakegpt_testkit.redaction.patterns import shapes
from fakegpt_testkit.redaction.values import looks_secret

_LEAST: Final = 12
_RUN: Final = re.compile(rf"[A-Za-z0-9._~+/=:%!@#$^*|-]{{{_LEAST},}}")
_UUID: Final = re.compile(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)


def shown_id(test_id: str) -> str:
    """The id with ``REDACTED-1a2b3c`` in place of each opaque value among its parameters.

    The six digits tell one parameter's cassette from another's: 24 bits, of which no secret can be had.
    """
    test, bracket, parameters = test_id.partition("[")
    if len(parameters) < _LEAST:
        return test_id
    kept = parameters
    for start, end, _ in sorted(shapes(parameters, frozenset(), anywhere=True), reverse=True):
        kept = kept[:start] + _word(kept[start:end]) + kept[end:]
    return test + bracket + _RUN.sub(lambda run: "".join(map(_without, _UUID.split(run[0]))), kept)


def _without(run: str) -> str:
    """Pytest joins the ids of parameters by hyphens, which a secret may hold too."""
    if _UUID.fullmatch(run):
        return run
    if "REDACTED-" not in run and looks_secret(run):
        return _word(run)
    return "-".join(_word(each) if looks_secret(each) else each for each in run.split("-"))


def _word(secret: str) -> str:
    return secret if secret.startswith("REDACTED-") else f"REDACTED-{hashlib.sha256(secret.encode()).hexdigest()[:6]}"
