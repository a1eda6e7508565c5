"""Where the service was, and the paths of its flow. Knows nothing else, so that it costs nothing to know."""

from typing import Final

HOST: Final = "chat-shared2.zhile.io"

LIVE_URL: Final = f"https://{HOST}"
"""Where the historical service was, and what its requests are stored as."""

LOADS: Final = "/api/loads"
LOGIN: Final = "/auth/login"
SESSION: Final = "/api/auth/session"
CONVERSATION: Final = "/api/conversation"
