"""The stand-in service: a real HTTP server that speaks docs/protocol.md, deterministic from a seed.

Knows nothing of recording; cassettes recorded from it say so, because each of its responses does.
"""

from fakegpt_testkit.fakegpt.scripting import Step
from fakegpt_testkit.fakegpt.stand_in.options import (
    AnswerFinish,
    Noise,
    Options,
    OtherAnswer,
    StepRefusal,
    StreamCuts,
    StreamEnd,
)
from fakegpt_testkit.fakegpt.stand_in.service import server_name
from fakegpt_testkit.fakegpt.stand_in.serving import Service, run, serve, serve_in_thread

__all__ = [
    "AnswerFinish",
    "Noise",
    "Options",
    "OtherAnswer",
    "Service",
    "Step",
    "StepRefusal",
    "StreamCuts",
    "StreamEnd",
    "run",
    "serve",
    "serve_in_thread",
    "server_name",
]
