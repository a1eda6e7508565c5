"""Where the words and the calls of tools stand in a recorded answer, so that they can be others.

Knows no bytes and no frame but by the JSON in it.
"""

from fakegpt_testkit.dialects.editing.editor import Editor, Slot, spread

__all__ = ["Editor", "Slot", "spread"]
