"""Traffic of clients that read closely what they get: recorded with secrets in it, it replays as they want it."""

from __future__ import annotations

import base64
import json
import time
import zlib
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
import requests
from botocore.config import Config
from support.dialect_streams import frame
from support.redacted import with_and_without

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.servers import Answers

KEY = "q8Rt5Kx2Wm9Zp4Lc7Vb1"
BOT = "7214567890:AAq8Rt5Kx2Wm9Zp4Lc7Vb1Nj6Hd3Gf5Ty9Q"


def answer(body: bytes, kind: str = "application/json", *fields: str) -> tuple[bytes]:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join((*lines, "", "")).encode() + body,)


def aws(service: str, url: str) -> Any:
    settings = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": "AKIAQ8RT5KX2WM9ZP4LC", "aws_secret_access_key": KEY[::-1] * 2}
    session = botocore.session.get_session()
    return session.create_client(service, region_name="eu-west-1", endpoint_url=url, config=settings, **keys)


OBJECT = f"door = {KEY}\nuser = ann\n".encode()
CHECKSUM = base64.b64encode(zlib.crc32(OBJECT).to_bytes(4, "big")).decode()


def gets_an_object(url: str) -> str:
    """With its checksum, which botocore checks while it reads."""
    got = aws("s3", url).get_object(Bucket="b", Key="door.ini")
    return str(got["Body"].read().decode())


def talks_to_bedrock(url: str) -> str:
    """In frames with checksums of their own."""
    said = aws("bedrock-runtime", url).converse_stream(
        modelId="m", messages=[{"role": "user", "content": [{"text": "where is the key?"}]}]
    )
    return "".join(
        event["contentBlockDelta"]["delta"]["text"] for event in said["stream"] if "contentBlockDelta" in event
    )


def reads_a_secret_of_kubernetes(url: str) -> str:
    """All data is base64, and decoded as such."""
    got = requests.get(
        f"{url}/api/v1/namespaces/default/secrets/db", headers={"Authorization": f"Bearer {KEY}"}, timeout=5
    )
    return repr({name: base64.b64decode(value, validate=True) for name, value in got.json()["data"].items()})


def asks_telegram(url: str) -> str:
    """The token is a part of the path."""
    got = requests.get(f"{url}/bot{BOT}/getMe", timeout=5).json()
    assert got["ok"]
    return repr(got)


def token() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "ann@mail.de", "iat": 1700000000, "exp": 4102444800})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*coded, base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")))


def logs_in(url: str) -> str:
    """Reads when the token ends, as OAuth clients do, and shows it."""
    login = {"grant_type": "password", "username": "ann", "password": KEY[::-1]}
    access = requests.post(f"{url}/oauth/token", data=login, timeout=5).json()["access_token"]
    claims = access.split(".")[1]
    expires = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
    assert expires > time.time()
    me = requests.get(f"{url}/me", headers={"Authorization": f"Bearer {access}"}, timeout=5)
    return f"{expires} {me.json()['name']}"


FRAMES = b"".join(
    (
        frame("messageStart", {"role": "assistant"}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": f"It is {KEY}. And "}}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": f"once more {KEY[:11]}"}}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": f"{KEY[11:]}."}}),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("messageStop", {"stopReason": "end_turn"}),
    )
)
HELD = {"password": base64.b64encode(b"hunter2-hunter2").decode(), "ca.key": base64.b64encode(KEY.encode()).decode()}
ANSWERS: Answers = {
    "/b/door.ini": answer(
        OBJECT, "text/plain", f"x-amz-checksum-crc32: {CHECKSUM}", "x-amz-checksum-type: FULL_OBJECT"
    ),
    "/model/m/converse-stream": answer(FRAMES, "application/vnd.amazon.eventstream"),
    "/api/v1/namespaces/default/secrets/db": answer(
        json.dumps({"kind": "Secret", "data": HELD}).encode(), "application/json"
    ),
    f"/bot{BOT}/getMe": answer(json.dumps({"ok": True, "result": {"is_bot": True}}).encode(), "application/json"),
    "/oauth/token": answer(json.dumps({"access_token": token(), "token_type": "Bearer"}).encode()),
    "/me": answer(b'{"name": "Ann"}'),
}
CLIENTS: dict[str, tuple[Callable[[str], str], str]] = {
    "an object with its checksum": (gets_an_object, "door = REDACTED-DOOR-KEY-1\nuser = ann\n"),
    "frames": (talks_to_bedrock, "It is REDACTED-DOOR-KEY-1"),
    "a secret of Kubernetes": (reads_a_secret_of_kubernetes, "REDACTED-password-1"),
    "a bot": (asks_telegram, "is_bot"),
    "a log-in": (logs_in, "4102444800 Ann"),
}


@pytest.mark.filterwarnings("ignore:(?s).*redaction changed the text:fakegpt_testkit.errors.FakeGptTestkitWarning")
@pytest.mark.parametrize(("client", "told"), CLIENTS.values(), ids=CLIENTS.keys())
def test_a_client_is_content_with_a_replay_of_redacted_traffic(
    client: Callable[[str], str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled = (KEY.encode(), base64.b64encode(KEY.encode()).rstrip(b"="), KEY[::-1].encode(), BOT.encode(), b"hunter2")
    live, replayed = with_and_without(KEY, client, ANSWERS, spelled, tmp_path, monkeypatch)
    assert told in replayed
    assert KEY not in replayed
    assert KEY[:11] not in replayed
    assert len(replayed.split()) == len(live.split())
