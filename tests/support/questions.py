"""For tests of matching: requests of a chat's client, and what may differ between two of them."""

from __future__ import annotations

import json

from fakegpt_testkit.exchange import Headers, Request
from fakegpt_testkit.matching import Mismatch, Rules

HOST = "https://chat.example"
RULES = Rules()
JSON_TYPE = (("Content-Type", "application/json"),)
FORM_TYPE = (("Content-Type", "application/x-www-form-urlencoded"),)
MULTIPART = (("Content-Type", 'multipart/form-data; boundary="one"'),)


def get(target: str, headers: Headers = ()) -> Request:
    return Request("GET", HOST + target, headers)


def post(body: bytes | dict[str, object], headers: Headers = JSON_TYPE, target: str = "/v1/chat") -> Request:
    return Request("POST", HOST + target, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def chat(prompt: str, message_id: str = "m-1", parent: str = "p-1", target: str = "/api/conversation") -> Request:
    message = {"id": message_id, "content": {"content_type": "text", "parts": [prompt]}}
    return post({"action": "next", "messages": [message], "parent_message_id": parent}, target=target)


def multipart(boundary: str, content: str = "hello\r\n", name: str = "file", labels: str = "") -> Request:
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{labels}\r\n\r\n{content}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\nContent-Length: 3\r\n\r\nfun\r\n'
        f"--{boundary}--\r\n"
    )
    return post(body.encode(), (("content-type", f"multipart/form-data; boundary={boundary}"),))


def differing(path: str, recorded: str, asked: str) -> tuple[Mismatch, ...]:
    return (Mismatch(path, recorded, asked),)
