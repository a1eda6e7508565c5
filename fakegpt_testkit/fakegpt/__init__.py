"""The guest: FakeGpt, a provider of a service that is gone, its blocking way, the stand-in for that service, the demo.

Knows nothing of recording: it talks through aiohttp like any program, and records and replays like any.
"""
