"""Where each HTTP client meets the wire, a room per library. None knows another, and none knows a cassette."""
