"""What a client of this server gets where nobody was at the live service: the words, live and replayed.

Knows no connection.
"""

from __future__ import annotations

import json

from fakegpt_testkit.exchange import Chunk, Head, Tape
from fakegpt_testkit.recorder.origins import origin_of


def unreachable(uri: str, why: str) -> Tape:
    """A 502, which says of the service of this URI why it could not be reached."""
    problem = f"{origin_of(uri)} could not be reached: {why}"
    body = json.dumps({"error": {"type": "UpstreamUnreachable", "message": problem}}).encode()
    fields = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    return Tape(Head(502, "Bad Gateway", fields), (Chunk(0.0, body),))
