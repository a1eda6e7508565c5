"""The words of ours in a cassette that writing and reading share.

Knows nothing of what stands behind them.
"""

from __future__ import annotations

from urllib.parse import quote

OURS = "fakegpt"
"""The one key of ours."""


def order_word(name: str) -> str:
    """A field's name as one word, whatever characters it has."""
    return quote(name, safe="!#$&'()*+,/:;=?@[]^`{|}~\"<>\\", errors="surrogatepass") or "%"
