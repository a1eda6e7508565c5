"""Fuzzes the event-stream parser under coverage guidance: `make fuzz`, or `make fuzz SECONDS=60`.

An input that breaks a rule is left in this folder as crash-…; one worth keeping goes into fuzz/sse_corpus.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent))

with atheris.instrument_imports(include=["fakegpt_testkit.sse"]):
    import sse_target

sse_target.small_thresholds()
atheris.Setup(sys.argv, sse_target.check)
atheris.Fuzz()
