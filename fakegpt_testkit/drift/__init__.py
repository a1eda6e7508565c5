"""Compares two recordings of a flow as streams of events: is it the same, another text, a new field, a broken promise.

Knows no file, no clock and no network: recordings come in as values, differences and reports of them go out.
"""

from fakegpt_testkit.drift.comparing import differences, drift_of
from fakegpt_testkit.drift.findings import THRESHOLDS, Difference, Drift, Severity, Unasked, check_threshold, worst
from fakegpt_testkit.drift.reporting import FORMATS, described, report, report_lines

__all__ = [
    "FORMATS",
    "THRESHOLDS",
    "Difference",
    "Drift",
    "Severity",
    "Unasked",
    "check_threshold",
    "described",
    "differences",
    "drift_of",
    "report",
    "report_lines",
    "worst",
]
