"""Record a streaming chat once, replay it offline: the same bytes, chunks, timing, endings and exceptions."""
