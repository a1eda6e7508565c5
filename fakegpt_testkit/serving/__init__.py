"""Cassettes on a real socket, for programs in any language: chunks, times and endings as they were recorded.

Knows no client of this process, and no pytest.
"""

from fakegpt_testkit.serving.acting import Act, Casting, StandIns
from fakegpt_testkit.serving.library import Library, Shelf
from fakegpt_testkit.serving.provider import Provider, Speech, provider
from fakegpt_testkit.serving.reading import Limits
from fakegpt_testkit.serving.recording import Recorder
from fakegpt_testkit.serving.running import Door, run, serve, serving
from fakegpt_testkit.serving.served import Served, serve_cassette
from fakegpt_testkit.serving.server import Access, Server
from fakegpt_testkit.serving.timing import QUICK, RECORDED, Timing, read_timing
from fakegpt_testkit.serving.wanting import read_fault
from fakegpt_testkit.serving.world import MATCH_ON, Terms, World

__all__ = [
    "MATCH_ON",
    "QUICK",
    "RECORDED",
    "Access",
    "Act",
    "Casting",
    "Door",
    "Library",
    "Limits",
    "Provider",
    "Recorder",
    "Served",
    "Server",
    "Shelf",
    "Speech",
    "StandIns",
    "Terms",
    "Timing",
    "World",
    "provider",
    "read_fault",
    "read_timing",
    "run",
    "serve",
    "serve_cassette",
    "serving",
]
