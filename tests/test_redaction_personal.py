"""What may say who somebody is: it is told, stays, and goes for who asks."""

from __future__ import annotations

import pytest

from fakegpt_testkit.redaction import Redaction, Redactor, personal
from fakegpt_testkit.redaction.people import ASKED_SHAPES

pytestmark = pytest.mark.once

TOLD = {
    "an address": ("write to ann.bell@mail.de today", "email"),
    "a number with its country": ("call +49 30 1234567.", "phone"),
    "a number with brackets": ("call (212) 736-5000 now", "phone"),
    "a number with its area": ("call 030 9018 2077, please", "phone"),
    "a number with a slash": ("Tel. 0221/2210, mornings", "phone"),
    "an account": ("pay to DE89 3704 0044 0532 0130 00, please", "iban"),
    "an account without spaces": ("to GB29NWBK60161331926819 now", "iban"),
    "an account with letters": ("to MT84 MALT 0110 0001 2345 MTLC AST0 01S.", "iban"),
    "a card": ("with 4539 1488 0343 6467, until May", "card"),
    "a card without spaces": ("with 5425233430109903!", "card"),
    "a card of fifteen": ("with 3714 496353 98431 now", "card"),
    "a card with hyphens": ("with 6011-0009-9013-9424 now", "card"),
}
UNTOLD = (
    *("DE88 3704 0044 0532 0130 00", "4539 1488 0343 6468", "4242 4242 4242 4242", "ann@example.com"),
    *("2024-01-15 10:20:30", "0x4539148803436467", "3.14159265358979323846", "id 4539148803436467a", "0.30 12345678"),
    *("1.2.3.4 and 10.0.0.1", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "git@github.com:o/r.git", "0 1 2 3 4 5 6 7"),
    *("SHA256 DIGEST OF THE FILE", "US12 ABCD", "lines 100-200, 0123-4567-8901", "1234 5678 9012 3456"),
)


@pytest.mark.parametrize(("text", "kind"), TOLD.values(), ids=TOLD.keys())
def test_it_is_told_and_goes_for_who_asks(text: str, kind: str) -> None:
    assert personal(text) == [(kind, 1)]
    assert Redactor().body(text.encode()) == text.encode()
    asked = Redactor(Redaction(shapes=(kind,)))
    without = asked.body(text.encode()).decode()
    assert personal(without) == [] or kind == "card"  # digits stay digits
    assert without != text
    assert without.split()[0] == text.split()[0]
    assert asked.body(without.encode()).decode() == without
    others = tuple(ASKED_SHAPES - {kind})
    assert Redactor(Redaction(shapes=others)).body(text.encode()) == text.encode()


@pytest.mark.parametrize("text", UNTOLD)
def test_what_is_only_like_it_is_not_told(text: str) -> None:
    assert personal(text) == []
