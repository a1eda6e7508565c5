"""Looks after cassettes on the disk: finds and rewrites them, names the orphans, asks a recording's requests again.

Knows no pytest.
"""
