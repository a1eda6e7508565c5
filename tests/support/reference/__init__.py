"""The event-stream parser again, slow and plain, and the cases that both must answer alike."""
