"""What a suite may say of its own secrets, and what is refused: names, patterns, functions, what is kept."""

from __future__ import annotations

import pytest
from support.redacting import TOKEN, URL, redacted

from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import (
    Head,
    Request,
)
from fakegpt_testkit.redaction import Redaction, Redactor

pytestmark = pytest.mark.once


def test_more_names() -> None:
    redactor = Redactor(Redaction(names=("X-Tenant", "color")))
    assert redacted({"xTenant": "a", "x_tenant": "b", "COLOR": "red", "colors": "c"}, redactor) == {
        "xTenant": "REDACTED-xTenant-1",
        "x_tenant": "REDACTED-x-tenant-1",
        "COLOR": "REDACTED-COLOR-1",
        "colors": "c",
    }
    request = redactor.request(Request("GET", f"{URL}?color=blue", (("x-tenant", "acme"),)))
    assert request == Request("GET", f"{URL}?color=REDACTED-color-1", (("x-tenant", "REDACTED-x-tenant-2"),))


def test_more_patterns() -> None:
    redactor = Redactor(Redaction(patterns=(r"acct_\d+", r"PIN (\d{4})", "é+")))
    text = redactor.text("acct_12 has PIN 1234, or PIN 1234; ééé")
    assert text == "REDACTED-secret-1 has PIN 9001, or PIN 9001; REDACTED-secret-2"
    assert redacted({"a": "an acct_12", "b": "acct_123"}, redactor) == {
        "a": "an REDACTED-secret-1",
        "b": "REDACTED-secret-2",
    }


def test_functions_say_what_is_secret() -> None:
    def codewords(text: str) -> list[str]:
        return [word for word in text.split() if word.startswith("xyzzy")] + ["", "REDACTED-secret-1"]

    redactor = Redactor(Redaction(functions=(codewords,)))
    assert redactor.text("say xyzzy or xyzzy2") == "say REDACTED-secret-1 or REDACTED-secret-2"
    assert redactor.text("say REDACTED-secret-1") == "say REDACTED-secret-1"


def test_a_function_that_gives_back_the_text_is_refused() -> None:
    with pytest.raises(BadSetting, match="gives back a list of the secrets"):
        Redactor(Redaction(functions=(str.upper,))).text("abc")


def test_single_names_and_patterns_are_kept_by_name() -> None:
    redactor = Redactor(Redaction(keep=("email", "openai-organization", "db_password")))
    body = {"email": "a@mail.example", "text": "to b@mail.example", "db_password": "x", "password": "y"}
    assert redacted(body, redactor) == body | {"password": "REDACTED-password-1"}
    head = Head(200, headers=(("OpenAI-Organization", "acme-1234"), ("openai-project", "p-1")))
    assert redactor.head(head).headers == (
        ("OpenAI-Organization", "acme-1234"),
        ("openai-project", "REDACTED-openai-project-1"),
    )
    assert Redactor(Redaction(keep=("jwt", "basic"))).text("Basic YW5uOmh1bnRlcjI=") == "Basic YW5uOmh1bnRlcjI="


SETTINGS_THAT_DO_NOTHING = {
    "keep nothing built in": (
        {"keep": ("color",)},
        "'color'; wanted: the name of a header or field that would be redacted",
    ),
    "keep everything": ({"keep": ("*",)}, "'*'; wanted: the name of a header or field that would be redacted"),
    "an empty name": ({"names": ("-",)}, "'-'; wanted: one with letters"),
    "a name that clients need": ({"names": ("max_tokens",)}, "'max_tokens'; wanted: none that clients check"),
    "no pattern": ({"patterns": ("(",)}, "'('; wanted: a regular expression (missing )"),
    "a pattern of nothing": ({"patterns": ("a*",)}, "'a*'; wanted: one that matches no empty text"),
}


@pytest.mark.parametrize(("fields", "words"), SETTINGS_THAT_DO_NOTHING.values(), ids=SETTINGS_THAT_DO_NOTHING.keys())
def test_settings_that_would_do_nothing_are_refused(fields: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Redaction(**fields)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_a_redactor_never_shows_what_it_knows() -> None:
    redactor = Redactor()
    redactor.know(TOKEN, "key")
    redactor.know("", "key")
    redactor.know("REDACTED-key-1", "key")
    assert TOKEN not in repr(redactor)
    assert redactor.text(TOKEN) == "REDACTED-key-1"
