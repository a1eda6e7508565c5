"""Every exception that the package raises, with one base.

Knows nothing of what it is raised by: each error takes the values it is about and words them.
"""


class FakeGptTestkitError(Exception):
    """The base of every error that this package raises on its own account."""
