"""The stand-in service: a real HTTP server that speaks docs/protocol.md, deterministic from a seed.

Knows nothing of recording; cassettes recorded from it say so, because each of its responses does.
"""

from fakegpt_testkit.fakegpt.scripting import Step
from fakegpt_testkit.fakegpt.stand_in.options import Cuts, Finish, Noise, Options, OtherAnswer, Refusal, StreamEnd
from fakegpt_testkit.fakegpt.stand_in.service import server_name
from fakegpt_testkit.fakegpt.stand_in.serving import Service, run, serve, serve_in_thread

__all__ = [
    "Cuts",
    "Finish",
    "Noise",
    "Options",
    "OtherAnswer",
    "Refusal",
    "Service",
    "Step",
    "StreamEnd",
    "run",
    "serve",
    "serve_in_thread",
    "server_name",
]
