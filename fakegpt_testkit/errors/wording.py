"""How numbers are worded, in errors and in all that is shown. Knows no thing that is counted."""

DIFFERENCES_SHOWN = 10
"""Of more than so many only the number of the others is told."""


def counted(number: int, thing: str) -> str:
    """``1 request``, ``2 requests``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
