"""Records the cassettes under ``cassettes/`` anew, from the stand-in service: ``make cassettes``.

Each test of ``tests/test_recordings.py`` runs once against a stand-in that answers the way the test is about.
"""

from __future__ import annotations

import subprocess
import sys

from fakegpt_testkit.fakegpt.stand_in import Options, serve_in_thread

DELAY = 0.02
ANSWERS = {
    "test_plain": Options(text="Hello! How can I help you today? 😀", delay=DELAY),
    "test_multi_message": Options(text="Now we talk.", delay=DELAY),
    "test_refused_token": Options(text="Hello again.", delay=DELAY, stale_tokens=1),
    "test_broken_stream": Options(text="This answer breaks off in the middle.", delay=DELAY, events=6, ending="reset"),
    "test_tool_noise": Options(
        text="The tool says 42.", delay=DELAY, noise=frozenset({"system", "echo", "tool", "ping", "moderation"})
    ),
}


def main() -> int:
    """Record one after the other; stop at the first that fails."""
    for test, options in ANSWERS.items():
        with serve_in_thread(options) as service:
            command = [sys.executable, "-m", "pytest", "--quiet", f"tests/test_recordings.py::{test}"]
            command += ["--fakegpt-record-mode=rewrite", f"--fakegpt-url={service.url}"]
            status = subprocess.run(command, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
