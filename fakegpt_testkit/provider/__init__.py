"""The provider that ships with the kit, FakeGpt, and the base that a further one would share.

Knows nothing of recording: it talks through aiohttp like any program, and records and replays like any.
"""

from fakegpt_testkit.provider.answers import Answer, AsyncGeneratorProvider, Rewritten
from fakegpt_testkit.provider.fakegpt import FakeGpt

__all__ = ["Answer", "AsyncGeneratorProvider", "FakeGpt", "Rewritten"]
