"""What a test puts into a cassette: a secret and none, a recording of long ago, one more interaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakegpt_testkit import load_cassette, storage
from fakegpt_testkit.cassette import Cassette, dumps
from fakegpt_testkit.effects import SCRIPTED, script
from fakegpt_testkit.exchange import Chunk, Head, Interaction, Provenance, Request, Tape

if TYPE_CHECKING:
    from pathlib import Path

    from fakegpt_testkit.fakegpt.scripting import Step

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
"""A token that shows by its form."""
CLEAN = Interaction(Request("GET", "https://a.example/"), Tape(Head(200), (Chunk(0.0, b"clean"),)))
"""What holds no secret."""
LONG_AGO = "2020-02-02T00:00:00Z"
LAST: list[Step] = ["conversation"]


def grow(path: Path) -> None:
    """Give a cassette one more interaction, which no test plays."""
    storage.write(path, dumps(Cassette((*load_cassette(path).interactions, *script("new", steps=LAST)))))


def old(path: Path, at: str) -> Path:
    """A cassette that was recorded then."""
    made = (replace(each, provenance=Provenance(at=at, server=SCRIPTED)) for each in script("Hello"))
    storage.write(path, dumps(Cassette(tuple(made))))
    return path
