"""The hooks that the plugin offers to other plugins and to a suite's ``conftest.py``. Knows none who takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_fakegpt_settings(item: pytest.Item, settings: dict[str, object]) -> None:
    """Add to the settings of a test, or change them, in place.

    Called once for each test that uses them, when markers, command line, ``fakegpt_config`` and ini file are merged and
    before they are checked; what nobody has written is not there. Names and values are those of the marker.
    """
