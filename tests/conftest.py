"""What all tests share."""

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# No test asserts a time. What decides a landing is repeatable; at home each run looks at other examples.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
