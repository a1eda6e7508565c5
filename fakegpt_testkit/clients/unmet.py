"""The HTTP clients that no cassette meets, since their bytes never come by here, and which of them are loaded.

Imports none of them, and cannot stop what they send.
"""

from __future__ import annotations

import sys
from typing import Final

_UNMET: Final = {
    "awscrt.http": "awscrt",
    "curl_cffi": "curl_cffi",
    "niquests": "niquests",
    "pycurl": "pycurl",
    "pyqwest": "pyqwest",
    "urllib3.backend": "urllib3-future in urllib3's place",
    "urllib3_future": "urllib3-future",
}
"""A module that is loaded where the client is used, and what people call that client."""


def find_unmet() -> tuple[str, ...]:
    """Those that this process has loaded, by the names that people know."""
    return tuple(name for module, name in _UNMET.items() if module in sys.modules)
