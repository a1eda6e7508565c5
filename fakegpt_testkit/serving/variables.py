"""Where the providers' SDKs are told to ask: the variables that they read, by what a cassette shows of them.

Knows no server: paths and a base URL in, names and values out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_SDKS: Final = (
    ("OPENAI_BASE_URL", "openai.com", "/v1", r"(.*)/(?:chat/completions|responses|embeddings|models)"),
    ("GROQ_BASE_URL", "groq.com", "", r"(.*)/openai/v1/chat/completions"),
    ("ANTHROPIC_BASE_URL", "anthropic.com", "", r"(.*)/v1/messages"),
    (
        "GOOGLE_GEMINI_BASE_URL",
        "generativelanguage.googleapis.com",
        "",
        r"(.*)/v1[^/]*/models/[^/]+:\w+",
    ),
    ("CO_API_URL", "cohere.com", "", r"(.*)/v2/chat"),
    ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "amazonaws.com", "", r"(.*)/model/[^/]+/(?:converse|invoke)[\w-]*"),
    ("OLLAMA_HOST", "", "", r"()/api/(?:chat|generate)"),
)
"""The variable, the provider's host, what the SDK wants below it, and the paths that it asks, by what stands before."""


def by_paths(paths: Iterable[str], url: str) -> dict[str, str]:
    """Of those SDKs that ask such paths; where one asks below several, the first."""
    told: dict[str, str] = {}
    for path in paths:
        for name, _, _, pattern in _SDKS:
            found = re.fullmatch(pattern, path)
            if found:
                told.setdefault(name, url + found[1])
    return told


def by_service(upstream: str, url: str) -> dict[str, str]:
    """Of those SDKs whose service is at this URL."""
    host = urlsplit(upstream).hostname or ""
    return {name: url + below for name, known, below, _ in _SDKS if known and f".{host}".endswith(f".{known}")}
