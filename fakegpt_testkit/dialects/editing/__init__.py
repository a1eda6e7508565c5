"""Where the words and the calls of tools stand in a recorded answer, so that they can be others.

Knows no bytes and no frame but by the JSON in it.
"""

from fakegpt_testkit.dialects.editing.editor import Editor, Json, Slot, spread

__all__ = ["Editor", "Json", "Slot", "spread"]
