"""One answer for each dialect, written by hand: it thinks "hm", says "Hello", calls get_weather and counts 12 and 5.

Knows nothing of how the package reads or writes them.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

CITY = '{"city":"Paris"}'


def sse(*events: Json | str, named: bool = False, end: str = "\n") -> bytes:
    parts = []
    for event in events:
        name = f"event: {event['type']}{end}" if named and not isinstance(event, str) else ""
        data = event if isinstance(event, str) else json.dumps(event)
        parts.append(f"{name}data: {data}{end}{end}")
    return "".join(parts).encode()


def lines(*values: Json) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def frame(name: str, value: Json, kind: str = "event") -> bytes:
    """By the layout in Amazon's documentation, and not by the code that reads it."""
    field = b""
    for key, text in ((f":{kind}-type", name), (":content-type", "application/json"), (":message-type", kind)):
        field += struct.pack("B", len(key)) + key.encode() + b"\x07" + struct.pack("!H", len(text)) + text.encode()
    payload = json.dumps(value).encode()
    head = struct.pack("!II", 12 + len(field) + len(payload) + 4, len(field))
    rest = head + struct.pack("!I", zlib.crc32(head)) + field + payload
    return rest + struct.pack("!I", zlib.crc32(rest))


def frames(*events: tuple[str, Json]) -> bytes:
    return b"".join(frame(name, value) for name, value in events)


def wrapped(*events: Json) -> bytes:
    return frames(*(("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in events))


def chat(delta: Json, finish: str | None = None, index: int = 0) -> Json:
    choice: Json = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


CHAT_USAGE: Json = {
    "id": "c1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
}


def chat_call(arguments: str | None, *, index: int | None = 0, **known: str) -> Json:
    function: Json = {"arguments": arguments} | ({"name": known["name"]} if "name" in known else {})
    call: Json = {"function": function}
    if index is not None:
        call["index"] = index
    if "id" in known:
        call |= {"id": known["id"], "type": "function"}
    return {"tool_calls": [call]}


OPENAI_CHAT = sse(
    chat({"role": "assistant", "content": ""}),
    chat({"reasoning_content": "hm"}),
    chat({"content": "Hel"}),
    chat({"content": "lo"}),
    chat(chat_call("", name="get_weather", id="call_1")),
    chat(chat_call('{"city":')),
    chat(chat_call('"Paris"}')),
    chat({}, "tool_calls"),
    CHAT_USAGE,
    "[DONE]",
)


def item(kind: str, number: int, **said: object) -> Json:
    return {"type": f"response.output_item.{kind}", "output_index": number, "item": said}


def respond(kind: str, **said: object) -> Json:
    return {"type": f"response.{kind}", **said}


OPENAI_RESPONSES = sse(
    respond("created", response={"id": "resp_1", "object": "response", "status": "in_progress", "output": []}),
    item("added", 0, id="rs_1", type="reasoning", summary=[]),
    respond("reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="hm"),
    respond("reasoning_summary_text.done", item_id="rs_1", output_index=0, summary_index=0, text="hm"),
    item("added", 1, id="msg_1", type="message", status="in_progress", role="assistant", content=[]),
    respond("output_text.delta", item_id="msg_1", output_index=1, content_index=0, delta="Hel"),
    respond("output_text.delta", item_id="msg_1", output_index=1, content_index=0, delta="lo"),
    respond("output_text.done", item_id="msg_1", output_index=1, content_index=0, text="Hello"),
    item("added", 2, id="fc_1", type="function_call", call_id="call_1", name="get_weather", arguments="",
         status="in_progress"),
    respond("function_call_arguments.delta", item_id="fc_1", output_index=2, delta=CITY),
    respond("function_call_arguments.done", item_id="fc_1", output_index=2, arguments=CITY),
    item("done", 2, id="fc_1", type="function_call", call_id="call_1", name="get_weather", arguments=CITY,
         status="completed"),
    respond("completed", response={"id": "resp_1", "object": "response", "status": "completed",
                                   "usage": {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17}}),
    named=True,
)  # fmt: skip


def block(index: int, **said: object) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": said}


def grow(index: int, **said: object) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": said}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


ANTHROPIC_EVENTS: tuple[Json, ...] = (
    {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": [],
                                          "usage": {"input_tokens": 12, "output_tokens": 1}}},
    block(0, type="thinking", thinking="", signature=""),
    {"type": "ping"},
    grow(0, type="thinking_delta", thinking="hm"),
    grow(0, type="signature_delta", signature="x"),
    stop(0),
    block(1, type="text", text=""),
    grow(1, type="text_delta", text="Hel"),
    grow(1, type="text_delta", text="lo"),
    stop(1),
    block(2, type="tool_use", id="call_1", name="get_weather", input={}),
    grow(2, type="input_json_delta", partial_json=""),
    grow(2, type="input_json_delta", partial_json='{"city":'),
    grow(2, type="input_json_delta", partial_json='"Paris"}'),
    stop(2),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
     "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)  # fmt: skip
ANTHROPIC = sse(*ANTHROPIC_EVENTS, named=True)


def content(*parts: Json, finish: str | None = None, counts: tuple[int, int] | None = None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage: Json = {"promptTokenCount": counts[0], "candidatesTokenCount": counts[1]} if counts else {}
    return {"candidates": [candidate], "modelVersion": "m"} | ({"usageMetadata": usage} if counts else {})


GEMINI_EVENTS: tuple[Json, ...] = (
    content({"text": "hm", "thought": True}, counts=(12, 1)),
    content({"text": "Hel"}, counts=(12, 3)),
    content({"text": "lo"}),
    content({"functionCall": {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}}}),
    content({"text": ""}, finish="STOP", counts=(12, 5)),
)
GEMINI = sse(*GEMINI_EVENTS, end="\r\n")
GEMINI_ARRAY = b"[" + b"\n,\r\n".join(json.dumps(event, indent=2).encode() for event in GEMINI_EVENTS) + b"\n]\n"


def said(done: bool = False, **message: object) -> Json:
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", **message}} | {
        "done": done
    }


OLLAMA = lines(
    said(content="", thinking="hm"),
    said(content="Hel"),
    said(content="lo"),
    said(
        content="", tool_calls=[{"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]
    ),
    said(True, content="") | {"done_reason": "stop", "prompt_eval_count": 12, "eval_count": 5},
)


def cohere(kind: str, index: int | None = None, **message: object) -> Json:
    return {"type": kind, "delta": {"message": message}} | ({} if index is None else {"index": index})


COHERE = sse(
    cohere("message-start", role="assistant", content=[], tool_plan="", tool_calls=[]) | {"id": "c1"},
    cohere("content-start", 0, content={"type": "thinking", "thinking": ""}),
    cohere("content-delta", 0, content={"thinking": "hm"}),
    {"type": "content-end", "index": 0},
    cohere("content-start", 1, content={"type": "text", "text": ""}),
    cohere("content-delta", 1, content={"text": "Hel"}),
    cohere("content-delta", 1, content={"text": "lo"}),
    {"type": "content-end", "index": 1},
    cohere("tool-call-start", 0, tool_calls={"id": "call_1", "type": "function",
                                             "function": {"name": "get_weather", "arguments": ""}}),
    cohere("tool-call-delta", 0, tool_calls={"function": {"arguments": CITY}}),
    {"type": "tool-call-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {
        "billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": {"input_tokens": 12, "output_tokens": 5}}}},
    named=True,
) + b"data: [DONE]\n\n"  # fmt: skip

CONVERSE_EVENTS: tuple[tuple[str, Json], ...] = (
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}, "p": "abc"}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hel"}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "lo"}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    (
        "contentBlockStart",
        {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "call_1", "name": "get_weather"}}},
    ),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"city":'}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"Paris"}'}}}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": {"inputTokens": 12, "outputTokens": 5, "totalTokens": 17}, "metrics": {"latencyMs": 1}}),
)
CONVERSE = frames(*CONVERSE_EVENTS)
INVOKE = wrapped(*ANTHROPIC_EVENTS)

FINISHES = {
    "openai-chat": ("stop", "tool_calls", "length"),
    "openai-responses": ("completed", "completed", "incomplete"),
    "anthropic": ("end_turn", "tool_use", "max_tokens"),
    "gemini": ("STOP", "STOP", "MAX_TOKENS"),
    "ollama": ("stop", "stop", "length"),
    "cohere": ("COMPLETE", "TOOL_CALL", "MAX_TOKENS"),
    "bedrock": ("end_turn", "tool_use", "max_tokens"),
    "bedrock-invoke": ("end_turn", "tool_use", "max_tokens"),
}
"""How each dialect that can be written says why an answer ended: plainly, to call tools, too long."""
