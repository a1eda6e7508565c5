"""Whether this is continuous integration, where nothing is recorded unless somebody says so.

Knows the convention of the environment, and nobody who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether the environment says that this is continuous integration."""
    return environment.get("CI", "").lower() not in {"", "0", "false", "no"}
