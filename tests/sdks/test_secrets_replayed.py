"""Libraries that read closely what they get: recorded with secrets in it, they are content with the replay."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import botocore.config
import botocore.session
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.transport.requests import Request as GoogleRequest
from google.oauth2 import service_account
from kubernetes_asyncio import client as kubernetes
from support.dialect_streams import frames, wrapped
from support.redacted import with_and_without
from telegram import Bot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.servers import Answers

KEY = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
BOT = "7214567890:AAq8Rt5Kx2Wm9Zp4Lc7Vb1Nj6Hd3Gf5Ty9Q"
AWS_SECRET = "m4Kp7Xv2Bc8Lr6Wd3Zt9w3Nz8Jd6Hs1Gf5Ty9Qa2"
AWS: Any = {
    "region_name": "eu-west-1",
    "aws_access_key_id": "AKIAQ8RT5KX2WM9ZP4LC",
    "aws_secret_access_key": AWS_SECRET,
}


def settings(kind: type) -> Any:
    return kind(retries={"max_attempts": 1}, s3={"addressing_style": "path"})


async def gets_objects(url: str) -> str:
    """aiobotocore, which checks each object's checksum while it reads."""
    said = []
    async with get_session().create_client("s3", endpoint_url=url, config=settings(AioConfig), **AWS) as s3:
        for kind in OBJECTS:
            got = await s3.get_object(Bucket="b", Key=kind)
            said.append((await got["Body"].read()).decode())
    return "".join(said)


async def reads_a_secret(url: str) -> str:
    """kubernetes_asyncio; all data of a secret is base64, and decoded as such."""
    at = kubernetes.Configuration(host=url, api_key={"BearerToken": KEY}, api_key_prefix={"BearerToken": "Bearer"})
    async with kubernetes.ApiClient(at) as api:
        secret = await kubernetes.CoreV1Api(api).read_namespaced_secret("db", "default")
    assert secret.metadata.name == "db"
    return "\n".join(base64.b64decode(value, validate=True).decode() for value in secret.data.values())


async def sends_a_message(url: str) -> str:
    """python-telegram-bot, whose token is a part of the path."""
    async with Bot(BOT, base_url=f"{url}/bot") as bot:
        message = await bot.send_message(1, f"the door opens with {KEY}")
    return f"{bot.username} {message.text} {message.date.year}"


def logs_in(url: str) -> str:
    """google-auth, which reads in the token when it ends."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"client_email": "robot@door.example", "private_key": pem, "token_uri": f"{url}/token"}
    login = service_account.IDTokenCredentials.from_service_account_info(account, target_audience="door")
    login.refresh(GoogleRequest())
    assert login.valid
    return f"{login.expiry} {login.token.count('.')}"


def converses(url: str) -> str:
    """botocore, which checks the checksums of each frame."""
    bedrock = botocore.session.get_session().create_client(
        "bedrock-runtime", endpoint_url=url, config=settings(botocore.config.Config), **AWS
    )
    said = bedrock.converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": "where?"}]}])
    deltas = [each["contentBlockDelta"]["delta"]["text"] for each in said["stream"] if "contentBlockDelta" in each]
    return "".join(deltas)


async def invokes(url: str) -> str:
    """aiobotocore; the model's own events are base64 in frames."""
    async with get_session().create_client(
        "bedrock-runtime", endpoint_url=url, config=settings(AioConfig), **AWS
    ) as bedrock:
        said = await bedrock.invoke_model_with_response_stream(modelId="m", body=b"{}")
        events = [json.loads(each["chunk"]["bytes"]) async for each in said["body"]]
    return "".join(each["delta"]["text"] for each in events if each["type"] == "content_block_delta")


def answer(body: bytes, kind: str = "application/json", *fields: str) -> tuple[bytes]:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join((*lines, "", "")).encode() + body,)


def said(value: object) -> tuple[bytes]:
    return answer(json.dumps(value).encode())


def in_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def token() -> str:
    claims = {"sub": "ann", "email": "ann@mail.de", "aud": "door", "iat": int(time.time()), "exp": 4102444800}
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), KEY * 4)
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def stored(checksum: str, body: bytes) -> tuple[bytes]:
    return answer(body, "text/plain", f"x-amz-checksum-{checksum}", "x-amz-checksum-type: FULL_OBJECT")


DELTAS = ("It is ", KEY[:9], KEY[9:], ".")
DOOR = f"door = {KEY}\nuser = ann\n".encode()


def checksums() -> dict[str, tuple[bytes]]:
    digests = {
        "crc32": zlib.crc32(DOOR).to_bytes(4, "big"),
        "sha1": hashlib.sha1(DOOR, usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(DOOR).digest(),
    }
    return {name: stored(f"{name}: {in_base64(digest)}", DOOR) for name, digest in digests.items()}


OBJECTS = tuple(checksums())
HELD = {"password": in_base64(b"hunter2-hunter2"), "ca.key": in_base64(KEY.encode())}
ME = {"id": 7, "is_bot": True, "first_name": "Door", "username": "door_bot"}
MESSAGE = {"message_id": 1, "date": 1700000000, "chat": {"id": 1, "type": "private"}, "text": f"opened with {KEY}"}
ANSWERS: Answers = {
    **{f"/b/{name}": each for name, each in checksums().items()},
    "/api/v1/namespaces/default/secrets/db": said(
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "db"}, "data": HELD}
    ),
    f"/bot{BOT}/getMe": said({"ok": True, "result": ME}),
    f"/bot{BOT}/sendMessage": said({"ok": True, "result": MESSAGE}),
    "/token": said({"id_token": token()}),
    "/model/m/converse-stream": answer(
        frames(
            ("messageStart", {"role": "assistant"}),
            *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": each}}) for each in DELTAS),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "end_turn"}),
        ),
        "application/vnd.amazon.eventstream",
    ),
    "/model/m/invoke-with-response-stream": answer(
        wrapped(
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": each}}
                for each in DELTAS
            )
        ),
        "application/vnd.amazon.eventstream",
    ),
}
DOOR_REPLAYED = "door = REDACTED-DOOR-KEY-1\nuser = ann\n"
CLIENTS: dict[str, tuple[Callable[[str], Any], str]] = {
    "aiobotocore, objects": (gets_objects, DOOR_REPLAYED * len(OBJECTS)),
    "kubernetes_asyncio": (reads_a_secret, "REDACTED-password-1\nREDACTED-ca-key-1"),
    "python-telegram-bot": (sends_a_message, "door_bot opened with REDACTED-DOOR-KEY-1 2023"),
    "google-auth": (logs_in, "2100-01-01 00:00:00 2"),
    "botocore, frames": (converses, "It is REDACTED-DOOR-KEY-1."),
    "aiobotocore, frames": (invokes, "It is REDACTED-DOOR-KEY-1."),
}


def run(client: Callable[[str], Any], url: str) -> str:
    told = client(url)
    return str(asyncio.run(told) if asyncio.iscoroutine(told) else told)


@pytest.mark.filterwarnings("ignore:(?s).*redaction changed the text:fakegpt_testkit.errors.FakeGptTestkitWarning")
@pytest.mark.parametrize(("client", "replayed"), CLIENTS.values(), ids=CLIENTS.keys())
def test_a_library_is_content_with_a_replay_of_redacted_traffic(
    client: Callable[[str], Any], replayed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled = (KEY, KEY[:9], in_base64(KEY.encode()).rstrip("="), BOT, BOT[:10], "hunter2", AWS_SECRET, "ann@mail.de")
    told = partial(run, client)
    live, again = with_and_without(KEY, told, ANSWERS, map(str.encode, spelled), tmp_path, monkeypatch)
    assert again == replayed
    assert live != replayed or client is logs_in
