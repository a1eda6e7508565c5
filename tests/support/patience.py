"""How long a test waits for what must come before it calls it a hang.

Knows nothing of how long anything should take.
"""

PATIENCE = 60.0
"""Seconds. Only a failing test ever waits so long, however busy the machine is."""
