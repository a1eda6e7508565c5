"""The two promises of redaction: what is secret is not on the disk, and what is none is there as it came."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.secrets_elsewhere import planted_elsewhere
from support.secrets_harmless import alike
from support.secrets_measured import changed, harmless, surviving
from support.secrets_new import planted_new
from support.secrets_planted import planted

from fakegpt_testkit.redaction import Redaction, Redactor
from fakegpt_testkit.redaction.environment import secret_variables
from fakegpt_testkit.redaction.values import looks_secret

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.once,
    pytest.mark.filterwarnings("ignore:(?s).*redaction changed the text:fakegpt_testkit.errors.FakeGptTestkitWarning"),
]

LIMITS = {
    "elsewhere-header-X-JFrog-Art-Api": "its name has no word for a secret",
    "elsewhere-pgpass": "fields between colons have no names",
    "elsewhere-mysql": "an option glued to its value has no name",
    "elsewhere-sshpass": "an option of one letter says nothing",
    "answer-header-timing": "a description in Server-Timing has no name of its own",
}
"""What survives, and why."""


async def test_planted_secrets_are_not_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [*planted(), *planted_elsewhere(), *planted_new()]
    assert len(cases) >= 1000
    found = await surviving(cases, tmp_path, monkeypatch)
    assert set(found) == LIMITS.keys()
    assert len(found) * 100 <= 3 * len(cases)


@pytest.mark.untraced
async def test_harmless_answers_are_kept_as_they_came(tmp_path: Path) -> None:
    texts = harmless()
    assert len(texts) >= 600
    found = await changed(texts, tmp_path)
    assert len(found) * 100 <= len(texts), found


@pytest.mark.untraced
async def test_what_looks_like_a_secret_and_is_none_is_kept(tmp_path: Path) -> None:
    texts = alike()
    assert len(texts) >= 100
    found = await changed(texts, tmp_path)
    assert len(found) * 100 <= len(texts), found


async def test_the_search_finds_a_secret_in_each_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what tells the secret, all of these are found: the search is no weaker than what it looks for."""
    cases = [replace(each, variable="") for each in planted() if each.variable == "SOME_TOKEN"]
    assert set(await surviving(cases, tmp_path, monkeypatch)) == {each.id for each in cases}


VARIABLES = {
    "a key": ("MY_SERVICE_API_KEY", "q8Rt5Kx2Wm9Zp4Lc7Vb1", True),
    "a password with marks": ("DB_PASSWORD", "Zebra!Crossing#17", True),
    "a path": ("SSH_KEY", "~/.ssh/id_ed25519", False),
    "words": ("VAULT_TOKEN", "vault-kubernetes", False),
    "an environment's name": ("CACHE_KEY", "linux-py3.11-requirements", False),
    "a placeholder": ("API_KEY", "your-api-key-goes-here-123a4b", False),
    "a switch": ("USE_AUTH", "true", False),
    "a number": ("MAX_TOKEN", "123456789012", False),
    "a public fingerprint": ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", False),
    "a socket": ("SSH_AUTH_SOCK", "/tmp/ssh-x8Yz2/agent.123", False),
    "another name": ("BUILD_ID", "q8Rt5Kx2Wm9Zp4Lc7Vb1", False),
}


@pytest.mark.parametrize(("name", "value", "secret"), VARIABLES.values(), ids=VARIABLES.keys())
def test_a_variable_is_secret_by_its_name_and_its_value(name: str, value: str, secret: bool) -> None:
    assert [found for _, found in secret_variables({name: value})] == ([value] if secret else [])


def test_of_a_connection_only_the_password_is_secret() -> None:
    found = secret_variables({"DATABASE_URL": "postgres://app:k3Jd82Lq0Zx@db.internal/app"})
    assert list(found) == [("DATABASE_URL", "k3Jd82Lq0Zx")]


def test_values_of_a_suite_go_wherever_they_stand() -> None:
    redactor = Redactor(Redaction(values=("q8Rt5Kx2Wm9Z", lambda: "p4Lc7Vb1Nj6Hd")))
    assert redactor.text("a q8Rt5Kx2Wm9Z b 70344c633756623 p4Lc7Vb1Nj6Hd") == (
        "a REDACTED-value-1 b 70344c633756623 REDACTED-value-2"
    )
    assert "q8Rt5Kx2Wm9Z" not in repr(redactor)


HARMLESS = (
    *("f47ac10b-58cc-4372-a567-0e02b2c3d479", "2024-01-15T10:20:30Z", "photos/2024a1/img01.jpg", "v1.2.3-rc.1"),
    *("sk-fix-login-redirect-loop", "your-api-key-1a2b3c4d5e", "********************", "https://example.com/a"),
    *("py3-none-manylinux2014_x86_64", "linux-py3.11-requirements", "rate_limit_exceeded", "self.q@self.k.transpose"),
)


@pytest.mark.parametrize("value", HARMLESS)
def test_what_people_write_is_no_secret(value: str) -> None:
    assert not looks_secret(value)


UNTOUCHED = (
    '{"password": "is too short (minimum is 8 characters)", "secret": "The butler did it"}',
    '{"next_page_token": "CAUQAA1b2c3d4e5f6g7h8", "max_tokens": 4096, "primary_key": "a1b2c3d4e5f6g7h8"}',
    "a bearer instrument, and Use Bearer authentication; the branch sk-fix-login-redirect-loop",
    "-----BEGIN PRIVATE KEY----- and then base64 follows in lines of 64 letters",
    '{"key": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "code": "rate_limit_exceeded_4012"}',
    "<dict><key>ProductUserVisibleVersion</key><string>13.1</string><key>foo</key></dict>",
    "{'Cookie': 'http.cookies', 'cookielib': 'http.cookiejar'}",
    "write to support@mail.example or clone git@github.com:o/r.git",
)


@pytest.mark.parametrize("text", UNTOUCHED)
def test_a_text_without_secrets_stays(text: str) -> None:
    assert Redactor().body(text.encode()) == text.encode()
