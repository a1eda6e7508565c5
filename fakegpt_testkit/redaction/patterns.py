"""Finds secrets by their shape: provider keys, JWT, Bearer, PEM, credentials in URLs, e-mail addresses.

Knows no names of places. Every expression is linear in its input: it starts at a literal, at the start of a word, and
its repetitions are possessive or end at characters that they exclude.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

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
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?=[ \t]{0,8}(?:[\r\n]|\\[nr]|\Z|[A-Za-z0-9+/=]{16}))"
            r"(?:(?!-----)[\s\S])*+(?:-----END [A-Z ]{0,40}-----)?"
        ),
    ),
    Pattern("username", ("@",), re.compile(r""":\\?/\\?/([^/\s:@"'<>\\]{16,256}+)@""")),
    Pattern("password", ("@",), re.compile(r""":\\?/\\?/[^/\s:@"'<>\\]{0,256}+:([^/\s@"'<>\\]{1,1024}+)@""")),
)

_BASIC: Final = re.compile(r"\b[Bb]asic[ \t]{1,8}([A-Za-z0-9+/_-]{8,}+=*+)", re.ASCII)
_AT: Final = re.compile(
    r"(?:@|%40|\\u0040)([A-Za-z0-9](?:[A-Za-z0-9-]{0,62}+)(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62}+){1,8}+)", re.ASCII
)
_PHONE: Final = re.compile(
    r"(?<![A-Za-z0-9+/=%_-])\+[1-9][0-9]{0,2}(?:[ -]?\([0-9]{1,4}\))?(?:[ -]?[0-9]{2,4}){2,5}(?![A-Za-z0-9+/=_-])",
    re.ASCII,
)
_RESERVED: Final = re.compile(
    r"(?:@|%40|\\u0040)(?:[A-Za-z0-9.-]*\.)?(?:example(?:\.(?:com|net|org))?|invalid|test|localhost)\Z", re.IGNORECASE
)
"""Domains that belong to nobody."""
_LOCAL: Final = re.compile(r"[A-Za-z0-9._+-]+\Z", re.ASCII)
_ESCAPE: Final = re.compile(r"(?:\\[nrt]|\\u[0-9a-f]{4}|%[0-9A-F]{2})(?=[^%\\]*\Z)", re.IGNORECASE)
_USERINFO: Final = re.compile(r"""\\?/\\?/[^/\s@"'<>\\]*\Z""")
_LOCAL_LIMIT: Final = 64
"""Of an address before its @; and where a URL's own user may start before that."""
_STANDARD_ALPHABET: Final = str.maketrans("-_", "+/")


class Hints:
    """Whether a text has any of many words; most texts are short and have none, and are read by the hundred.

    Words are looked for only where a character is there that they have, a rare one first.
    """

    def __init__(self, words: Iterable[str]) -> None:
        by_mark: dict[str, list[str]] = {}
        for word in dict.fromkeys(words):
            by_mark.setdefault(next((mark for mark in "%@+/\t_-:. " if mark in word), ""), []).append(word)
        self._groups = tuple((mark, tuple(some)) for mark, some in by_mark.items())

    def within(self, text: str) -> bool:
        """Whether it has."""
        for mark, words in self._groups:
            if mark in text:
                for word in words:  # no generator: it takes longer than the search
                    if word in text:
                        return True
        return False


_ANY_HINT: Final = Hints((*(hint for each in PATTERNS for hint in each.hints), "asic ", "asic\t", "%40", "\\u0040"))

ASKED_SHAPES: Final = frozenset({"email", "phone"})
"""Shapes that answers are full of and that are no secrets; a suite may ask for them."""
_ASKED: Final = tuple(sorted(ASKED_SHAPES))
_BUILT_IN: Final = frozenset({*(pattern.name for pattern in PATTERNS), "basic"})
PATTERN_NAMES: Final = frozenset({*(pattern.name for pattern in PATTERNS), "basic", *ASKED_SHAPES})


def shapes(
    text: str, kept: frozenset[str], asked: tuple[str, ...] = (), *, anywhere: bool = False
) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of every secret that a built-in pattern sees, except the kept patterns.

    ``asked``: shapes that are redacted only for who asks for them, e-mail addresses.
    """
    if not _ANY_HINT.within(text) and not ("phone" in asked and "+" in text):
        return
    for pattern in PATTERNS:
        if pattern.name not in kept:
            for start, end in pattern.find(text, anywhere=anywhere):
                yield start, end, pattern.name
    if "basic" not in kept and ("asic " in text or "asic\t" in text):
        for found in _BASIC.finditer(text):
            if basic_password(found[1]) is not None:
                yield found.start(1), found.end(1), "basic"
    if "email" in asked and "email" not in kept and ("@" in text or "%40" in text or "\\u0040" in text):
        for start, end in _emails(text):
            yield start, end, "email"
    if "phone" in asked and "phone" not in kept and "+" in text:
        for found in _PHONE.finditer(text):
            yield *found.span(), "phone"


def personal(text: str) -> list[tuple[str, int]]:
    """What in a text may say who somebody is: each kind with how often; not what stands in programs and examples."""
    found = [(text[start:end], text[end : end + 1], name) for start, end, name in shapes(text, _BUILT_IN, _ASKED)]
    counts = Counter(
        name
        for value, after, name in found
        if not (name == "email" and (after in {":", "("} or value.startswith("git@") or _RESERVED.search(value)))
    )
    return sorted(counts.items())


def _emails(text: str) -> Iterator[tuple[int, int]]:
    """From the @ outwards: a search that starts at the name is quadratic in long words."""
    for found in _AT.finditer(text):
        before = text[max(0, found.start() - 2 * _LOCAL_LIMIT) : found.start()]
        local = _LOCAL.search(before, max(0, len(before) - _LOCAL_LIMIT))
        last_label = found[1].rpartition(".")[2]
        if local is None or not last_label.isalpha() or not 2 <= len(last_label) <= 24:
            continue
        name = local[0].lstrip(".+-")
        escape = _ESCAPE.search(before)
        if escape and escape.end() > len(before) - len(name):
            name = before[escape.end() :]
        if name and not _USERINFO.search(before[: len(before) - len(name)]):
            yield found.start() - len(name), found.end()


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
