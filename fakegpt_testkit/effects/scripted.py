"""What a made-up answer answers: any prompt at its endpoint, and any model where its path has a ``*``.

Knows nothing of how answers are made up: a session asks this of every interaction, and few of them are.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Interaction, Request

SCRIPTED: Final = "script"
"""What a scripted interaction names as its server. Its request's body decides no match: it answers any prompt."""


def answers_any_model(wanted: Request, asked: Request) -> Request:
    """The request of a script, with the path and query that were asked where its ``*`` stands for any model."""
    if "*" not in wanted.uri:
        return wanted
    site, _, _ = wanted.uri.partition("*")
    if not fnmatchcase(asked.path, wanted.path):
        return wanted
    origin = "/".join(site.split("/")[:3])
    query = asked.uri.partition("?")[2]
    return replace(wanted, uri=f"{origin}{asked.path}{'?' + query if query else ''}")


def is_scripted(interaction: Interaction) -> bool:
    """Whether an interaction was made by ``script``, so that only its request's endpoint decides a match."""
    return interaction.provenance.server == SCRIPTED
