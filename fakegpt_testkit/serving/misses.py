"""Why a request is not answered, as the JSON from which the asked service's own SDK makes its exception's text.

Knows no connection and no cassette: the error comes in. The status is 404, since SDKs ask again after a 5xx.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import RequestNotRecorded
from fakegpt_testkit.exchange import header

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.errors import FakeGptTestkitError
    from fakegpt_testkit.exchange import Headers, Request

STATUS: Final = 404
FIELDS: Final = (("Content-Type", "application/json"), ("x-should-retry", "false"))
"""The second is what the SDKs of OpenAI and Anthropic go by, whatever the status is."""

Form = tuple[object, "Headers"]


def miss_body(request: Request, problem: FakeGptTestkitError) -> tuple[bytes, Headers]:
    """The body and the fields of the answer to a request that has none."""
    value, fields = next((form for asks, form in _FORMS if asks(request)), _plain)(str(problem), describe(problem))
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n", (*FIELDS, *fields)


def describe(problem: FakeGptTestkitError) -> dict[str, object]:
    """An error's parts, for programs."""
    said: dict[str, object] = {"type": type(problem).__name__, "message": str(problem)}
    if isinstance(problem, RequestNotRecorded):
        said["request"] = problem.request
        said["closest"] = problem.closest
        said["differences"] = [
            {"path": path, "recorded": recorded, "asked": asked} for path, recorded, asked in problem.differences
        ]
        said["ignored"] = list(problem.ignored)
        said["command"] = problem.command
    return said


def _plain(message: str, parts: dict[str, object]) -> Form:
    """OpenAI's form, which most services share; and the words that others look for beside it."""
    error = {**parts, "param": None, "code": "request_not_recorded"}
    return {"error": error, "message": message, "detail": message}, ()


def _anthropic(_: str, parts: dict[str, object]) -> Form:
    return {"type": "error", "error": {**parts, "type": "not_found_error", "name": parts["type"]}}, ()


def _google(_: str, parts: dict[str, object]) -> Form:
    return {"error": {**parts, "code": STATUS, "status": "NOT_FOUND"}}, ()


def _ollama(message: str, parts: dict[str, object]) -> Form:
    return {"error": message, **{name: value for name, value in parts.items() if name != "message"}}, ()


def _bedrock(message: str, parts: dict[str, object]) -> Form:
    return {"message": message, **parts}, (("x-amzn-ErrorType", "ResourceNotFoundException"),)


def _sent(name: str) -> Callable[[Request], bool]:
    return lambda request: header(request.headers, name) is not None


def _path(pattern: str) -> Callable[[Request], bool]:
    asked = re.compile(pattern)
    return lambda request: asked.search(request.path) is not None


_FORMS: Final = (
    (_sent("anthropic-version"), _anthropic),
    (_path(r":\w*[gG]enerateContent$|:countTokens$|:embedContents?$"), _google),
    (_path(r"/api/(chat|generate|embed|show|tags)$"), _ollama),
    (_path(r"/model/[^/]+/(converse|invoke)[\w-]*$"), _bedrock),
)
"""By what a request shows of its SDK; the first that fits."""
