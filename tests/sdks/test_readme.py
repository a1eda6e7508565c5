"""The README's first test does what stands there: recorded from a service, then replayed without it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.pages import ROOT
from support.raw import raw_server

if TYPE_CHECKING:
    import pytest
    from support.servers import Answer

EVENT = b'data: {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [%s]}\n\n'
PARTS = [EVENT % (b'{"index": 0, "delta": {"content": "%s"}}' % word) for word in (b"Hel", b"lo")]
STREAM: Answer = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    *(b"%x\r\n%s\r\n" % (len(each), each) for each in [*PARTS, b"data: [DONE]\n\n"]),
    b"0\r\n\r\n",
)


def test_the_first_test_records_and_replays(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.search(r"```python\n(# tests/test_sdk\.py\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    pytester.path.joinpath("tests").mkdir()
    pytester.path.joinpath("tests/test_sdk.py").write_text(block[1])
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-qWeRtYuIoPaSdFgHjKlZxCvBnM12345678")
    with raw_server({"/v1/chat/completions": STREAM}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        pytester.runpytest_subprocess("--fakegpt-record-mode=once").assert_outcomes(passed=1)
        asked = server.seen
        result = pytester.runpytest_subprocess()
        assert server.seen == asked
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fakegpt: 1 replayed, 0 recorded, *"])
    assert b"sk-qWeRtY" not in pytester.path.joinpath("cassettes/test_sdk/test_greets.yaml").read_bytes()
