"""The base of all errors of this package, and of its warnings."""

from __future__ import annotations


class FakeGptTestkitError(Exception):
    """The base of every error that this package raises on its own account."""


class FakeGptTestkitWarning(UserWarning):
    """What may be meant, and often is not; it holds the error that it would be."""
