"""Finds secrets by their shape: provider keys, JWT, Bearer, PEM, credentials in URLs.

Knows no names of places. Every expression is linear in its input: it starts at a literal, at the start of a word, and
its repetitions are possessive or end at characters that they exclude.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.redaction.people import ASKED_SHAPES, told_of_people
from fakegpt_testkit.redaction.values import opaque

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORD_START: Final = r"(?:(?<![\w-])|(?<=\\[nrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
"""Where a key may start: not inside a word, but after an escape, whose last letter looks like one."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A shape: text without any of the ``hints`` is not searched at all. Group 1, where there is one, is the secret."""

    name: str
    hints: tuple[str, ...]
    shape: re.Pattern[str]
    random: bool = False
    """Whether what is found must look random after its prefix."""

    def find(self, text: str, *, anywhere: bool = False) -> Iterator[tuple[int, int]]:
        """Start and end of each secret of this shape; ``anywhere``: in binary, a letter may be before it."""
        if any(hint in text for hint in self.hints):
            shape = _inside_words(self.shape.pattern) if anywhere else self.shape
            for found in shape.finditer(text):
                start, end = found.span(found.re.groups and 1)
                if not self.random or opaque(self._rest(text[start:end])):
                    yield start, end

    def _rest(self, secret: str) -> str:
        return next((secret[len(hint) :] for hint in self.hints if secret.startswith(hint)), secret)


@lru_cache(maxsize=64)
def _inside_words(shape: str) -> re.Pattern[str]:
    return re.compile(shape.replace(_WORD_START, ""), re.ASCII)


def _key(name: str, *hints: str, rest: str, random: bool = False) -> Pattern:
    starts = "|".join(map(re.escape, hints))
    return Pattern(name, hints, re.compile(f"{_WORD_START}(?:{starts}){rest}", re.ASCII), random=random)


PATTERNS: Final = (
    _key("api-key", "sk-", "fk-", "pk-", rest=r"[A-Za-z0-9_-]{16,}+", random=True),
    _key("session-key", "sess-", rest=r"[A-Za-z0-9]{24,}+"),
    _key("stripe-key", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", rest=r"[A-Za-z0-9]{10,}+"),
    _key("aws-key", "AKIA", "ASIA", "ABIA", "ACCA", rest=r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _key("google-key", "AIza", "GOCSPX-", rest=r"[A-Za-z0-9_-]{20,}+"),
    _key("google-token", "ya29.", rest=r"[A-Za-z0-9_.-]{20,}+"),
    _key("github-token", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", rest=r"[A-Za-z0-9_]{20,}+"),
    _key("gitlab-token", "glpat-", rest=r"[A-Za-z0-9_-]{16,}+"),
    _key("slack-token", "xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "xapp-", rest=r"[A-Za-z0-9-]{10,}+"),
    _key("hugging-face-token", "hf_", rest=r"[A-Za-z0-9]{20,}+"),
    _key("provider-key", "gsk_", "xai-", "pplx-", "r8_", "nvapi-", "tvly-", "lsv2_", rest=r"[A-Za-z0-9_-]{20,}+"),
    _key(
        "provider-key-2",
        "csk-",
        "tgp_v1_",
        "fw_",
        "api_org_",
        "ntn_",
        "secret_",
        rest=r"[A-Za-z0-9_-]{20,}+",
        random=True,
    ),
    _key(
        "deploy-token",
        "gldt-",
        "glrt-",
        "glcbt-",
        "glsoat-",
        "glptt-",
        "gloas-",
        rest=r"[A-Za-z0-9_-]{16,}+",
        random=True,
    ),
    _key(
        "service-token",
        *("dckr_pat_", "dckr_oat_", "rubygems_", "hvs.", "hvb.", "dop_v1_", "doo_v1_", "dor_v1_", "shpat_", "shpca_"),
        *("shppa_", "shpss_", "sbp_", "sb_secret_", "sntrys_", "sntryu_", "glc_", "glsa_", "v4.local.", "v4.public."),
        *("lin_api_", "lin_oauth_", "sq0atp-", "sq0csp-", "pscale_pw_", "pscale_tkn_", "pscale_oauth_", "PMAK-"),
        *("dp.st.", "dp.pt.", "dp.ct.", "figd_", "EAAG", "vcp_", "HRKU-", "ATATT3", "ATCTT3", "xkeysib-", "key-"),
        *("phc_", "phx_", "tfp_", "nfp_", "CFPAT-", "rdme_", "ops_eyJ", "FlyV1 ", "eyrie_", "xau_", "sk_"),
        rest=r"(?:[A-Za-z0-9_=-]|\.(?=[A-Za-z0-9])){20,}+",
        random=True,
    ),
    _key("age-key", "AGE-SECRET-KEY-1", rest=r"[A-Z0-9]{40,}+"),
    Pattern("atlas-token", (".atlasv1.",), re.compile(r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}+", re.ASCII)),
    Pattern("bot-token", (":AA",), re.compile(r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])", re.ASCII)),
    Pattern(
        "hook",
        ("/services/T", "/webhooks/", "/hooks/"),
        re.compile(
            r"/(?:services/T[A-Z0-9]{6,}+/B[A-Z0-9]{6,}+|webhooks/\d{12,}+|hooks)/([A-Za-z0-9_-]{18,}+)(?![A-Za-z0-9])",
            re.ASCII,
        ),
        random=True,
    ),
    _key("registry-token", "npm_", "pypi-", "dapi", rest=r"[A-Za-z0-9_-]{30,}+", random=True),
    _key("sendgrid-key", "SG.", rest=r"[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+"),
    _key("jwt", "eyJ", rest=r"[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]++){0,2}"),
    Pattern(
        "bearer",
        ("earer ", "EARER ", "earer%20", "earer+"),
        re.compile(r"\b(?i:bearer)(?:[ \t]{1,8}|%20|\+)([A-Za-z0-9._~+/-]{8,}+=*+)", re.ASCII),
        random=True,
    ),
    Pattern(
        "private-key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?=[ \t]{0,8}(?:[\r\n]|\\[nr]|[A-Za-z0-9+/=]{16}))"
            r"(?=(?:(?!-----)[\s\S]){0,40}?[A-Za-z0-9+/=]{2})"  # the head alone is no secret
            r"(?:(?!-----)[\s\S])*+(?:-----END [A-Z ]{0,40}-----)?"
        ),
    ),
    Pattern("username", ("@",), re.compile(r""":\\?/\\?/([^/\s:@"'<>\\]{16,256}+)@""")),
    Pattern("password", ("@",), re.compile(r""":\\?/\\?/[^/\s:@"'<>\\]{0,256}+:([^/\s@"'<>\\]{1,1024}+)@""")),
)

_BASIC: Final = re.compile(r"\b[Bb]asic[ \t]{1,8}([A-Za-z0-9+/_-]{8,}+=*+)", re.ASCII)
_STANDARD_ALPHABET: Final = str.maketrans("-_", "+/")


_MARKS: Final = "%@+/\t_-:. JKzG3IC"
"""Characters that texts lack rather than others, the rarest first."""


class Hints:
    """Whether a text has any of many words; most texts are short and have none, and are read by the hundred.

    Words are looked for only where a character is there that they have, a rare one first.
    """

    def __init__(self, words: Iterable[str]) -> None:
        by_mark: dict[str, list[str]] = {}
        for word in dict.fromkeys(words):
            by_mark.setdefault(next((mark for mark in _MARKS if mark in word), ""), []).append(word)
        self._groups = tuple((mark, tuple(some)) for mark, some in by_mark.items())

    def within(self, text: str) -> bool:
        """Whether it has."""
        for mark, words in self._groups:
            if mark in text:
                for word in words:  # no generator: it takes longer than the search
                    if word in text:
                        return True
        return False


_ANY_HINT: Final = Hints((*(hint for each in PATTERNS for hint in each.hints), "asic ", "asic\t"))

PATTERN_NAMES: Final = frozenset({*(pattern.name for pattern in PATTERNS), "basic", *ASKED_SHAPES})


def shapes(
    text: str, kept: frozenset[str], asked: tuple[str, ...] = (), *, anywhere: bool = False
) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of every secret that a built-in pattern sees, except the kept patterns.

    ``asked``: shapes that are redacted only where a suite asks for it: what may say who somebody is.
    """
    if _ANY_HINT.within(text):
        for pattern in PATTERNS:
            if pattern.name not in kept:
                for start, end in pattern.find(text, anywhere=anywhere):
                    yield start, end, pattern.name
        if "basic" not in kept and ("asic " in text or "asic\t" in text):
            for found in _BASIC.finditer(text):
                if basic_password(found[1]) is not None:
                    yield found.start(1), found.end(1), "basic"
    if asked:
        yield from told_of_people(text, [kind for kind in asked if kind not in kept])


def basic_password(credentials: str) -> str | None:
    """The password in ``Basic`` credentials; None when they are something else."""
    padded = credentials.rstrip("=") + "=" * (-len(credentials.rstrip("=")) % 4)
    try:
        plain = base64.b64decode(padded.translate(_STANDARD_ALPHABET)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = plain.partition(":")
    return password if colon and user.isprintable() else None


_HINTS: Final = tuple(hint for pattern in PATTERNS for hint in pattern.hints if hint[0] != "@" and "earer" not in hint)
_WITHIN: Final = Hints((*_HINTS, "Bearer", "bearer"))
_BEGINNINGS: Final = frozenset(hint[:end] for hint in (*_HINTS, "Bearer", "bearer") for end in range(1, len(hint) + 1))


def begins(text: str) -> bool:
    """Whether a text ends in what may become a secret once more of it is there."""
    key_open = text.rfind("-----BEGIN")
    if key_open >= 0 and text.find("-----END", key_open) < 0:
        return True
    tail = text[-256:]
    words = re.split(r"[^A-Za-z0-9_.@+%=~/-]", tail)
    last = words[-1]
    if not last:
        return len(words) > 1 and words[-2].lower() == "bearer"
    return "@" in last or last in _BEGINNINGS or _WITHIN.within(last)
