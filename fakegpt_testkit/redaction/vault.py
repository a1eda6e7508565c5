"""Keeps the secrets that were seen, each with the word that stands for it, and finds them again in any encoding.

Knows no formats: texts are bytes read as Latin-1, so that a position in a text is a position in the bytes.
"""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from fakegpt_testkit.exchange import PLACEHOLDER, placeholder_label
from fakegpt_testkit.redaction.forms import encodes_text, in_form, of_digits, stands_already
from fakegpt_testkit.redaction.large import stretches_of
from fakegpt_testkit.redaction.names import plain
from fakegpt_testkit.redaction.values import looks_secret, plain_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fakegpt_testkit.redaction.large import Latin

_SHORT: Final = 8
"""Shorter values are replaced where they stand as a secret, and nowhere else: they would be found in any text."""

_EVERYWHERE: Final = re.compile(
    r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"
)
"""Numbers and addresses of machines: texts and URLs hold them too, and a word for a bare number is no JSON."""

_ESCAPED: Final = re.compile(
    r"\\u00[2-7]|%(?:25){0,2}(?:[46][1-9A-F]|[57][0-9A]|3[0-9]|2[DE]|5F|7E)|&#(?:x[0-9A-F]|[0-9])|\\x[2-7]|\\u\{",
    re.IGNORECASE,
)
"""An escape that nobody needs: plain letters and digits, written as ``\\u0061`` or ``%61``."""

_WORD_STARTS: Final = ("REDACTED-", "UkVEQUNURUQt")
_LINE_END: Final = re.compile(r"\\{1,8}n|%(?:25)?0[Aa]")
_GRAM: Final = 4
_LONGEST_LETTER: Final = 24
"""Of a letter as it may be written."""
_LONG: Final = 16 * 1024
"""Above so many characters a spelling is searched as it is: its parts of four would take more than the search."""
_ANY: Final = ""
"""Among those parts: any text may be the start of a secret."""
_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_URL_SAFE: Final = str.maketrans("+/", "-_")
_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Edit:
    """Takes ``start`` to ``end`` out of a text and puts ``word`` there."""

    start: int
    end: int
    word: str


def latin(text: str) -> str:
    """The text's UTF-8 bytes, one character each; escapes become the bytes they stand for."""
    return text if text.isascii() else _raw(text).decode("latin-1")


def unlatin(text: str) -> str:
    """Back from bytes, one character each, to text; bytes that are not UTF-8 stay as escapes."""
    if text.isascii():
        return text
    raw = text.encode("latin-1")
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape")


def _raw(text: str) -> bytes:
    """UTF-8. JSON may hold half a surrogate pair, which stands for no byte and is encoded like a character."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        escapes = re.compile("[\udc80-\udcff]")
        return b"".join(
            each.encode("utf-8", "surrogateescape" if escapes.match(each) else "surrogatepass") for each in text
        )


class Vault:
    """Secrets and their words; the same secret has one word, whichever name it is met under later."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._short: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._literals: list[tuple[str, str, bool]] = []  # how it is written, the secret, whether in base64
        self._texts: list[str] = []  # how they are written, to be looked for by one call
        self._unnamed: set[str] = set()
        self._grams: set[str] = set()  # every four letters of the literals, to tell at once that none has begun

    def __len__(self) -> int:
        """Grows with each secret that is new, and with each that gets another word."""
        return len(self._literals) + sum(self._counts.values())

    def copy(self) -> Vault:
        """A vault that knows the same, and learns on its own."""
        other = Vault()
        other._words = dict(self._words)
        other._short = dict(self._short)
        other._counts = dict(self._counts)
        other._literals = list(self._literals)
        other._texts = list(self._texts)
        other._unnamed = set(self._unnamed)
        other._grams = self._grams  # of one that learns for both it only says more often that one may have begun
        return other

    def word(self, value: str, name: str) -> str:
        """The word for a secret that stands under this name: the one it has already, or the name's next."""
        if stands_already(value):
            return value
        known = self._words.get(value) or self._short.get((plain(name), value))
        if known is not None and value not in self._unnamed:
            return known
        self._unnamed.discard(value)
        label = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40].rstrip("-") or "secret"
        if any(map(looks_secret, label.split("-"))) or any(known in name for known in self._words):
            label = "secret"  # a word must not tell another by its name
        counter = f"{label} in digits" if of_digits(value) else label
        number = self._counts.get(counter, 0) + 1
        self._counts[counter] = number
        word = in_form(value, f"REDACTED-{label}-{number}")
        if findable(value):
            self._keep(value, word)
            if encodes_text(value):  # what it decodes to may be told elsewhere
                self.also(base64.b64decode(value).decode(), f"REDACTED-{label}-{number}")
        else:
            self._short[(plain(name), value)] = word
        return word

    def expect(self, value: str, name: str) -> None:
        """Look for a secret that no message has shown yet; the first place that shows it names it."""
        if value not in self._words and findable(value):
            self.word(value, name)
            self._unnamed.add(value)

    def also(self, value: str, word: str) -> None:
        """Keep one more spelling of a secret that has a word."""
        if findable(value) and value not in self._words:
            self._keep(value, word)

    def expect_all(self, other: Vault) -> None:
        """Look for what another one keeps, too."""
        for value, word in [*other._words.items()]:
            label = placeholder_label(word)[0] if PLACEHOLDER.fullmatch(word) else "secret"
            if value not in self._words:
                self.word(value, label)

    def reserve(self, text: str | Latin) -> None:
        """Number on from the words that a recorded text holds, as the recording did."""
        for part in stretches_of(text):
            self._reserve(part.text)

    def _reserve(self, text: str) -> None:
        if not any(start in text for start in _WORD_STARTS):  # to try the expression everywhere takes ten times as long
            return
        for found in PLACEHOLDER.finditer(text):
            label, number = placeholder_label(found[0])
            self._counts[label] = max(self._counts.get(label, 0), number)

    def _keep(self, value: str, word: str) -> None:
        if value not in self._words:
            spellings = _spellings(value)
            self._look_for(spellings, value, packed=False)
            for each in spellings:
                if len(each) > _LONG:
                    self._grams.add(_ANY)
                else:
                    self._grams.update(each[at : at + _GRAM] for at in range(len(each) - _GRAM + 1))
            self._look_for(_base64_cores(value), value, packed=True)
        self._words[value] = word

    def _look_for(self, texts: Iterable[str], value: str, *, packed: bool) -> None:
        for text in texts:
            self._literals.append((text, value, packed))
            self._texts.append(text)

    def find(self, text: str | Latin) -> Iterator[Edit]:
        """Every secret of the vault in a text, in any encoding; the edits may overlap."""
        if isinstance(text, str):
            yield from self._find(text)
            return
        reach = max((_LONGEST_LETTER * len(value) for value in self._words), default=0)
        for part in text.stretches(reach):
            for edit in self._find(part.text):
                yield moved(edit, part.start)

    def _find(self, text: str) -> Iterator[Edit]:
        for literal, value, packed in compress(self._literals, map(text.__contains__, self._texts)):
            at = text.find(literal)
            while at >= 0:
                end = at + len(literal)
                edit = self._in_base64(text, at, end) if packed else Edit(at, end, self._as(value, literal))
                yield edit
                at = text.find(literal, max(end, edit.end))
        if self._words and _ESCAPED.search(text):
            for value, word in self._words.items():
                if not _any_escape(value[:_GRAM]).search(text):  # to compile the whole takes ten times as long
                    continue
                for found in _any_escape(value).finditer(text):
                    yield Edit(found.start(), found.end(), word)
        if self._words and "\0" in text:
            for value, word in self._words.items():
                for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
                    wide = value.encode(encoding, "surrogatepass").decode("latin-1")
                    for found in re.finditer(re.escape(wide), text):
                        yield Edit(found.start(), found.end(), word.encode(encoding).decode("latin-1"))

    def _as(self, value: str, literal: str) -> str:
        """The word as the secret is written: hexadecimal stays that, at the same length."""
        raw = _raw(value)
        if len(literal) < 2 * len(raw):
            return spelled(self._words[value], literal)
        between = ":" if literal[2:3] == ":" else ""
        hexadecimal = raw.hex(between) if between else raw.hex()
        if literal.lower() != hexadecimal:
            return spelled(self._words[value], literal)
        word = fitted(self._words[value], len(raw)).encode()
        word_in_hex = word.hex(between) if between else word.hex()
        return word_in_hex.upper() if literal.isupper() else word_in_hex

    def begun(self, text: str, least: int = 4) -> tuple[int, str]:
        """How many characters at the end of a text are the start of a secret, without all of it, and its word."""
        longest = 0, ""
        tail = text[-least:]
        if text[-_GRAM:] not in self._grams and _ANY not in self._grams:
            return longest
        for literal, value, packed in self._literals:
            word = self._words[value]
            here = min(len(literal) - 1, len(text))  # no more of a secret can have begun than there is text
            at = literal.rfind(tail, 0, here) if not packed and len(tail) == least else -1
            while at >= 0 and (size := at + least) > longest[0]:
                start = len(text) - size  # the first letters are looked at first: a slice of a long secret costs
                if start >= 0 and text.startswith(literal[:least], start) and text.endswith(literal[:size]):
                    longest = size, word
                at = literal.rfind(tail, 0, at + least - 1)
        return longest

    def _in_base64(self, text: str, start: int, end: int) -> Edit:
        """Decodes the base64 around a find, takes the secrets out, and encodes again: whoever decodes it still can."""
        while start > 0 and text[start - 1] in _ALPHABET:
            start -= 1
        while end < len(text) and text[end] in _ALPHABET:
            end += 1
        url_safe = any(each in "-_" for each in text[start:end])
        padding = len(text[end : end + 2]) - len(text[end : end + 2].lstrip("="))
        run = text[start:end].translate(_STANDARD)
        for skipped in range(4):  # letters before it may belong to the alphabet too, a path's or an escape's
            decoded = _decoded(run[skipped:])
            changed = applied(decoded, merged(self._find(decoded)))
            if changed != decoded:
                encoded = base64.b64encode(changed.encode("latin-1")).decode()
                encoded = encoded.translate(_URL_SAFE) if url_safe else encoded
                return Edit(start + skipped, end + padding, encoded if padding else encoded.rstrip("="))
        return Edit(start, end + padding, "REDACTED-base64-1")


def _decoded(run: str) -> str:
    run = run[: len(run) - (len(run) % 4 == 1)]
    return base64.b64decode(run + "=" * (-len(run) % 4)).decode("latin-1")


def findable(value: str) -> bool:
    """Whether a secret is replaced wherever it is met: long enough, and no word or number that texts are made of."""
    if len(value) < _SHORT or PLACEHOLDER.search(value) or _EVERYWHERE.fullmatch(value):
        return False
    return not plain_words(value)


def fitted(word: str, length: int) -> str:
    """The word at another length: its number and as much of its name as there is room for, and then dots."""
    if len(word) > length and word.startswith("REDACTED-") and (found := PLACEHOLDER.fullmatch(word)):
        number = word[word.rindex("-") :]
        room = length - len("REDACTED-") - len(number)
        word = f"REDACTED-{found[0].removeprefix('REDACTED-')[:room]}{number}" if room > 0 else word
    return word[:length].ljust(length, ".")


def spelled(word: str, literal: str) -> str:
    """A word of several lines, spelled as the secret in whose place it stands."""
    if "\n" not in word or "\n" in literal:
        return word
    line_end = _LINE_END.search(literal)
    return word.replace("\n", line_end[0]) if line_end else word


def _spellings(value: str) -> list[str]:
    """The secret as it may be written: plain, in JSON and JSON in JSON, in URLs, in HTML, in hexadecimal."""
    raw = _raw(value)
    spellings = {raw.decode("latin-1"): None}
    for ascii_only in (True, False):
        escaped = value
        for _ in range(3):
            escaped = json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]
            for each in (escaped, escaped.replace("/", "\\/")):
                spellings[latin(each)] = None
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        spellings[quoted] = None
        spellings[re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)] = None
        spellings[quote(quoted, safe="")] = None
    spellings[latin(html.escape(value))] = None
    spellings[raw.hex()] = None
    spellings[raw.hex().upper()] = None
    spellings[raw.hex(":")] = None
    spellings[raw.hex(":").upper()] = None
    return list(spellings)


def _base64_cores(value: str) -> list[str]:
    """What of the secret's base64 does not depend on what stands before and after it, for the three ways it can lie."""
    raw = _raw(value)
    once = list(_cores(raw))
    hexadecimal = [core for form in (raw.hex(), raw.hex().upper()) for core in _cores(form.encode())]
    twice = [core for each in once for core in _cores(each.encode())]
    return list(
        dict.fromkeys(each for core in (*once, *twice, *hexadecimal) for each in (core, core.translate(_URL_SAFE)))
    )


def _cores(raw: bytes) -> Iterator[str]:
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


@lru_cache(maxsize=256)
def _any_escape(value: str) -> re.Pattern[str]:
    """The secret with any of its letters escaped, as JSON or as a URL would, needed or not."""
    letters: list[str] = []
    for letter in value:
        raw = _raw(letter)
        units = letter.encode("utf-16-be", "surrogatepass").hex()
        in_json = "".join(rf"\\{{1,8}}u{units[at : at + 4]}" for at in range(0, len(units), 4))
        in_url = "".join(f"%(?:25){{0,2}}{byte:02x}" for byte in raw)
        number = ord(letter)
        in_html = f"&#(?:x0{{0,5}}{number:x}|0{{0,5}}{number});"
        in_code = rf"\\{{1,8}}(?:x{number:02x}|u\{{0{{0,5}}{number:x}\}})"
        letters.append(f"(?:{re.escape(raw.decode('latin-1'))}|(?i:{in_json}|{in_url}|{in_html}|{in_code}))")
    return re.compile("".join(letters))


def merged(edits: Iterable[Edit], protected: Sequence[tuple[int, int]] = ()) -> list[Edit]:
    """The edits in order and without overlap: the first and longest wins, and takes the rest of those it touches."""
    result: list[Edit] = []
    for edit in sorted(edits, key=lambda each: (each.start, -each.end)):
        after = bisect_left(protected, (edit.end, 0))
        if after and protected[after - 1][1] > edit.start:
            continue
        if result and edit.start < result[-1].end:
            if edit.end > result[-1].end:
                result[-1] = Edit(result[-1].start, edit.end, result[-1].word)
        else:
            result.append(edit)
    return result


def moved(edit: Edit, by: int) -> Edit:
    """The edit so many characters further on."""
    return Edit(edit.start + by, edit.end + by, edit.word)


def overlap(edits: Iterable[Edit], places: Sequence[tuple[int, int]]) -> bool:
    """Whether one of the edits would change one of these places, which are in order."""
    for edit in edits:
        after = bisect_left(places, (edit.end, 0))
        if after and places[after - 1][1] > edit.start:
            return True
    return False


def applied(text: str, edits: list[Edit]) -> str:
    """The text with the edits made; they are in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += (text[at : edit.start], edit.word)
        at = edit.end
    return "".join((*pieces, text[at:])) if pieces else text
