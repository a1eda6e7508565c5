"""Texts without a secret that look like they had some: digests, ids, logs, locks, schemas, programs.

Knows no redaction. What is random in them is made up by code, the same each time.
"""

from __future__ import annotations

import base64
import hashlib
import random
import string
import sysconfig
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from support.secrets_new import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE: Final = 4096
EACH: Final = 3
"""Texts of each kind."""
LINES: Final[dict[str, str]] = {
    "uuids": "{uuid}\n",
    "uuid-fields": '{{"id": "{uuid}", "parent_id": "{uuid}", "key": "{uuid}"}}\n',
    "git-log": "commit {sha1}\nAuthor: Ann\nDate:   Mon Jan 5 10:20:30 2026 +0100\n\n    Rename the token's field\n\n",
    "git-shortlog": "{short} Pass the session key on to the worker\n{short} Fix the password's form\n",
    "sums": "{sha256}  dist/package-1.2.{n}.tar.gz\n",
    "lock-npm": '"node_modules/a{n}": {{"version": "1.2.{n}", "integrity": "sha512-{sha512}"}},\n',
    "lock-pip": "package{n}==1.2.{n} \\\n    --hash=sha256:{sha256}\n",
    "lock-cargo": 'name = "crate{n}"\nversion = "0.{n}.1"\nchecksum = "{sha256}"\n\n',
    "lock-go": "example.com/a{n} v1.2.{n} h1:{base64}=\n",
    "images": "registry.example/a/b@sha256:{sha256}\n",
    "access-log": '10.0.0.{n} - - [05/Jan/2026:10:20:30 +0000] "GET /a/{n}?page={n} HTTP/1.1" 200 51{n} "{short}"\n',
    "trace-log": "INFO request_id={uuid} trace_id={hex32} span_id={hex16} took {n}ms\n",
    "trace-parent": "traceparent: 00-{hex32}-{hex16}-01\n",
    "json-log": '{{"level": "info", "request_id": "req_{word24}", "msg": "token refreshed", "n": {n}}}\n',
    "token-counts": '{{"prompt_tokens": {n}, "completion_tokens": {n}1, "max_tokens": 4096, "token_type": "bearer"}}\n',
    "vocabulary": '"\\u0120token{n}": {n}4, "key{n}": {n}7, "pass": {n},\n',
    "logprobs": '{{"token": " word{n}", "logprob": -0.{n}123, "bytes": [32, {n}]}}\n',
    "chat-ids": '{{"id": "chatcmpl-{word24}", "call": "call_{word24}", "system_fingerprint": "fp_{hex16}"}}\n',
    "etags": 'ETag: "{hex32}"\nLast-Modified: Mon, 05 Jan 2026 10:20:30 GMT\n',
    "schema": '"password{n}": {{"type": "string", "minLength": 12, "description": "the user\'s password"}},\n',
    "translations": '"password.label{n}": "Your password", "secret.hint": "Keep it", "token.expired": "It is over"\n',
    "errors": '{{"errors": {{"password": ["is too short (minimum is {n} characters)"], "api_key": ["is missing"]}}}}\n',
    "placeholders": "export API_KEY=your-api-key-{n}\nTOKEN=<token>\nSECRET=${{SECRET}}\nPASSWORD=changeme\n",
    "manifest": "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db-{n}\n      key: password\n",
    "actions": "env:\n  NPM_TOKEN: ${{{{ secrets.NPM_TOKEN }}}}\n  KEY: ${{{{ secrets.KEY_{n} }}}}\n",
    "terraform": 'password = var.db_password_{n}\ntoken = data.vault_secret.main["token"]\nkey = aws_key.k{n}.arn\n',
    "python-calls": "token = get_token(session, key=key_{n})\npassword = os.environ['PASSWORD']\nself.secret = key\n",
    "javascript": "const apiKey = process.env.API_KEY_{n};\nconst token = await auth.getToken(user{n});\n",
    "java": "private final SecretKeyFactory secretKeyFactory{n} = SecretKeyFactoryProvider.getInstance(KEY_ALG);\n",
    "constants": "PASSWORD_FIELD_NAME = 'password_confirmation'\nTOKEN_URL = 'https://x.example/oauth/token/{n}'\n",
    "changelog": "- Sessions end after {n} minutes (#{n}123), thanks to @ann; see `Session.close_token_store()`\n",
    "prose": "The bearer of this token, the key witness, kept the secret for {n} years and told no password.\n",
    "law": "Section {n}(a): the Authorized Bearer shall keep all Credentials, Keys and Passwords as defined in §{n}.\n",
    "addresses": "Message-ID: <{hex32}@mail.example>\nFrom: Ann <ann@example.com>\n",
    "versions": "key-library 1.{n}.3-rc.1, pass 2.{n}, token-bucket 0.{n}.0+build.{n}\n",
    "stack": '  File "/usr/lib/python3.11/site-packages/auth/token_store.py", line {n}, in refresh_session_token\n',
    "hexdump": "000{n}0  de ad be ef 00 11 22 33  44 55 66 77 88 99 aa bb  |.............|\n",
    "image": '<img alt="key" src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{base64}{base64}==">\n',
    "paths": "M{n} 12.5c1.2 3.4 5.6 7.8 9.1 2.3l4.5-6.7z\n",
    "keys-of-rows": '{{"primary_key": "{word24}", "partition_key": "eu#{n}", "next_page_token": "{word24}"}}\n',
    "css": ".session-token-{n} {{ color: #a1b2c3; }} #password-field-wrapper-{n} .key-icon {{ width: {n}px }}\n",
    "public-key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{base64} ann@example.com\n",
    "sql": "SELECT token_id, api_key_id, password_hash IS NULL FROM sessions_{n} WHERE key_type = 'primary';\n",
    "http": "Authorization: Bearer <token>\nCookie: lang=en; theme=dark\nX-Api-Key: {{key}}\nContent-Length: {n}\n",
    "curl": "curl -H 'Authorization: Bearer $TOKEN' -u user:password https://x.example/{n}\n",
    "options": "tool --token TOKEN --password-file /run/secrets/db-{n} --api-key-name main-{n}\n",
    "links": "https://docs.example/en/latest/api/session-tokens.html?key=introduction-{n}#password-authentication\n",
}
MODULES: Final = ("tokenize", "token", "secrets", "hmac", "netrc", "getpass", "keyword", "http/cookiejar", "ssl")


def alike() -> list[tuple[str, str]]:
    """Texts of 4 kB, each with what kind it is: some of each kind, and Python's modules that speak of such things."""
    chance = random.Random(4)
    found = []
    for name, line in (*LINES.items(), *HARMLESS.items()):
        for number in range(EACH if name in LINES else 1):
            text = ""
            while len(text) < SIZE:
                text += line.format_map(_Made(chance))
            found.append((f"{name}-{number}", text[:SIZE]))
    library = Path(sysconfig.get_paths()["stdlib"])
    found += [(each, library.joinpath(f"{each}.py").read_text("utf-8")[:SIZE]) for each in MODULES]
    return found


class _Made(dict[str, str]):
    """What a line asks for, made up anew each time."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def __missing__(self, name: str) -> str:
        raw = self._chance.randbytes(32)
        made: dict[str, Callable[[], str]] = {
            "uuid": lambda: str(uuid.UUID(bytes=raw[:16], version=4)),
            "sha1": lambda: hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
            "short": lambda: raw.hex()[:7],
            "sha256": lambda: hashlib.sha256(raw).hexdigest(),
            "sha512": lambda: base64.b64encode(hashlib.sha512(raw).digest()).decode(),
            "base64": lambda: base64.b64encode(raw).decode()[:43],
            "hex32": lambda: raw.hex()[:32],
            "hex16": lambda: raw.hex()[:16],
            "word24": lambda: "".join(self._chance.choices(string.ascii_letters + string.digits, k=24)),
            "n": lambda: str(self._chance.randrange(10, 99)),
        }
        return made[name]()
