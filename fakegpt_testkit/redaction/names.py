"""Knows what a secret's place is called: headers, cookies, query and form fields, JSON keys, in any case and spelling.

Knows no values and no formats: it is given a name and where it stood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from fakegpt_testkit.errors import BadSetting


class Where(Enum):
    """What kind of name it is; some words are secrets in a query and everyday words in JSON."""

    HEADER = auto()
    FIELD = auto()
    """Of a query, a form, a multipart body or a cookie."""
    KEY = auto()
    """Of a JSON object."""


class Weight(Enum):
    """How sure a name is."""

    NO = auto()
    PERHAPS = auto()
    """The value decides: ``code`` is an authorization code, and also ``rate_limit_exceeded``."""
    YES = auto()


SECRET_NAMES: Final = (
    *("authorization", "x-authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"),
    *("x-goog-api-key", "x-auth-token", "auth_token", "x-amz-security-token", "ocp-apim-subscription-key"),
    *("subscription-key", "cf-access-client-secret", "cf-access-jwt-assertion", "password", "passwd", "passphrase"),
    *("session_password", "token_key", "token_id", "access_token", "refresh_token", "id_token", "session_token"),
    *("bearer_token", "csrf_token", "xsrf_token", "csrfmiddlewaretoken", "authenticity_token", "arkose_token"),
    *("api_key", "apikey", "client_secret", "secret", "secret_key", "secret_access_key", "private_key"),
    *("client_assertion", "code_verifier", "device_code", "jwt", "email", "email_address"),
)
"""Secrets wherever they stand."""

HEADER_NAMES: Final = (
    *("x-csrf-token", "x-xsrf-token", "csrf-token", "session-id", "x-session-id", "mcp-session-id", "x-session-token"),
    *("openai-organization", "openai-project", "anthropic-organization-id", "anthropic-workspace-id"),
    *("observed-x-forwarded-for", "x-amz-access-token", "cf-access-client-id", "x-access-token", "x-token"),
)
"""Secrets as headers."""

DOUBTFUL_NAMES: Final = ("key", "sig", "code", "token", "auth", "session", "credential", "assertion", "otp")
"""Secrets in headers, queries, forms and cookies; in JSON only with a value that looks like one."""

FIELD_NAMES: Final = ("signature", "x-amz-signature", "x-amz-credential", "x-goog-signature", "x-goog-credential")
"""Secrets in queries and forms: what signs a URL."""

NEVER_TOUCHED: Final = (
    *("max_tokens", "signature", "thoughtSignature", "encrypted_content", "obfuscation", "system_fingerprint"),
)
"""JSON fields that clients send back or check. So are all that end in ``tokens``, and ``token`` beside ``logprob``."""

_ENDINGS: Final = (
    *("password", "passwd", "apikey", "accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken"),
    *("clientsecret", "secretkey", "secretaccesskey", "privatekey", "csrftoken", "xsrftoken", "authorization"),
)
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """One spelling for all: ``X-Api-Key``, ``x_api_key`` and ``xApiKey`` are ``xapikey``."""
    return _SEPARATORS.sub("", name.lower())


_SECRET: Final = frozenset(map(plain, SECRET_NAMES))
_HEADERS: Final = frozenset(map(plain, HEADER_NAMES))
_DOUBTFUL: Final = frozenset(map(plain, DOUBTFUL_NAMES))
_FIELDS: Final = frozenset(map(plain, FIELD_NAMES))
_NEVER: Final = frozenset(map(plain, NEVER_TOUCHED))
_SURE_WORDS: Final = frozenset(
    ("password", "passwd", "passphrase", "pwd", "secret", "credential", "cookie", "authorization", "mnemonic")
)
"""A name that ends in one of these words is one of a secret."""
_LIKELY_WORDS: Final = frozenset(
    (
        *("token", "key", "auth", "authentication", "session", "sid", "sig", "signature", "hmac", "ticket", "sas"),
        *(
            "assertion",
            "jwt",
            "bearer",
            "pat",
            "pem",
            "otp",
            "pass",
            "verifier",
            "accesskey",
            "nonce",
            "nextnonce",
            "dpop",
        ),
    )
)
"""A name that ends in one of these is one of a secret if the value looks like one."""
_LIKELY_PAIRS: Final = frozenset(
    (
        *(
            ("session", "id"),
            ("sess", "id"),
            ("access", "id"),
            ("pin", "code"),
            ("recovery", "code"),
            ("seed", "phrase"),
        ),
        *(("backup", "code"), ("oob", "code"), ("auth", "code"), ("device", "code"), ("authorization", "code")),
        *(("saml", "response"), ("saml", "request"), ("connection", "string"), ("password", "hash"), ("secret", "id")),
        *(
            ("key", "id"),
            ("client", "cert"),
            ("login", "challenge"),
            ("webhook", "url"),
            ("private", "pem"),
            ("key", "base"),
        ),
    )
)
_NO_PAIRS: Final = frozenset(
    (
        *(("public", "key"), ("primary", "key"), ("foreign", "key"), ("partition", "key"), ("sort", "key")),
        *(("cache", "key"), ("translation", "key"), ("surrogate", "key"), ("next", "token"), ("page", "token")),
        *(("continuation", "token"), ("idempotency", "key"), ("sentence", "key")),
        *(("sec", "key"), ("websocket", "key"), ("object", "key"), ("s3", "key"), ("row", "key"), ("index", "key")),
    )
)
"""Ends that name no secret: what finds a row, the next page, a text."""
_GLUED: Final = re.compile(
    r"(?:api|app|access|auth|session|user|bot|private|secret|master|account|client|saml|id|refresh|x|admin|db|"
    r"login|csrf|xsrf|consumer|license|subscription|encryption|signing|php|asp|oauth|aws|shared|web|root)+"
    r"(?:token|key|secret|password|passwd|pass|pwd|sess|sessid|sessionid|sid|auth|credentials?)"
)
_VERSION: Final = re.compile(r"[_.-]?[vV]\d{1,3}\Z")
_WORD: Final = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case and in the singular: ``appSecret``, ``api_key[0]``, ``X-Vault-Token``."""
    found = [each.lower() for each in _WORD.findall(_VERSION.sub("", name))]
    return tuple(each[:-1] if each.endswith("s") and each not in {"pass", "sas", "dns"} else each for each in found)


@lru_cache(maxsize=4096)
def _by_words(name: str) -> Weight:
    of_name = words(name)
    if not of_name or of_name[-2:] in _NO_PAIRS:
        return Weight.NO
    last = of_name[-1]
    if last in _SURE_WORDS or of_name[-2:] in {("private", "key"), ("api", "key")}:
        return Weight.YES
    if last in _LIKELY_WORDS or of_name[-2:] in _LIKELY_PAIRS or _GLUED.fullmatch(last):
        return Weight.PERHAPS
    return Weight.PERHAPS if _GLUED.fullmatch(plain(name)) else Weight.NO


_KNOWN: Final = _SECRET | _HEADERS | _DOUBTFUL | _FIELDS


def untouchable(key: str) -> bool:
    """Whether a JSON field stays as it is, whatever is in it."""
    return plain(key) in _NEVER or (key.lower().endswith("tokens") and plain(key) != "tokens")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that count: the built-in ones, more of a suite's own, less those it keeps, all in one spelling."""

    more: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    def weight(self, name: str, where: Where) -> Weight:
        """How sure it is that what stands under this name is a secret; one with a word of ours in it tells none."""
        if "REDACTED-" in name:
            return Weight.NO
        word = plain(name)
        if word in self.more:
            return Weight.YES
        if word in self.kept:
            return Weight.NO
        if word in _SECRET or (word.endswith(_ENDINGS) and words(name)[-2:] not in _NO_PAIRS):
            return Weight.YES
        if where is Where.HEADER and (word in _HEADERS or word.endswith(("sessionid", "csrftoken", "xsrftoken"))):
            return Weight.YES
        if where is Where.FIELD and word in _FIELDS:
            return Weight.YES
        if word in _DOUBTFUL:
            return Weight.PERHAPS if where is Where.KEY else Weight.YES
        return _by_words(name)


def names(more: tuple[str, ...], kept: tuple[str, ...], pattern_names: frozenset[str]) -> Names:
    """The names of a suite's settings; raises ``BadSetting`` for those that would do nothing or harm."""
    for name in more:
        if not plain(name):
            raise BadSetting("a name to redact", name, "one with letters or digits")
        if untouchable(name):
            wanted = "none that clients check or send back, since they are never redacted; leave it out"
            raise BadSetting("a name to redact", name, wanted)
    for name in kept:
        if plain(name) not in _KNOWN and name not in pattern_names and _by_words(name) is Weight.NO:
            wanted = (
                "the name of a header or field that would be redacted, or one of the patterns "
                f"{', '.join(sorted(pattern_names))}"
            )
            raise BadSetting("a name to keep", name, wanted)
    return Names(frozenset(map(plain, more)), frozenset(map(plain, kept)))


DELTA_KEYS: Final = frozenset(
    map(
        plain,
        (
            *("content", "text", "delta", "arguments", "partial_json", "thinking", "reasoning", "reasoning_content"),
            *("response", "completion", "generated_text", "transcript", "refusal", "parts", "output", "input", "v"),
            *("summary", "answer", "message", "data", "output_text", "token", "code", "result"),
        ),
    )
)
"""JSON keys under which providers send an answer bit by bit. Elsewhere a string is a string, and not a piece of one."""
