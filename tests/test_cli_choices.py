"""What the command line lists itself is what the package has."""

from __future__ import annotations

from typing import get_args

import click
import pytest

from fakegpt_testkit.checks import Kind
from fakegpt_testkit.cli import main
from fakegpt_testkit.dialects.writing import WRITERS
from fakegpt_testkit.drift import Severity
from fakegpt_testkit.fakegpt.scripting import STEPS
from fakegpt_testkit.fakegpt.stand_in import options
from fakegpt_testkit.recorder.modes import RecordMode
from fakegpt_testkit.recorder.settings import AfterLeaving

pytestmark = pytest.mark.once

SEVERITIES = [each.word for each in Severity if each is not Severity.SAME]
CHOICES = {
    "stand-in --drift": get_args(options.OtherAnswer),
    "stand-in --ending": get_args(options.StreamEnd),
    "stand-in --finish": get_args(options.AnswerFinish),
    "stand-in --noise": get_args(options.Noise),
    "stand-in --refuse": STEPS,
    "stand-in --dialect": ["fakegpt", *WRITERS],
    "serve --record-mode": list(RecordMode),
    "serve --after-leaving": get_args(AfterLeaving),
    "check --allow": list(Kind),
    "diff --fail-on": SEVERITIES,
    "verify --fail-on": [*SEVERITIES, "never"],
    "serve --fail-on": [*SEVERITIES, "never"],
}


@pytest.mark.parametrize("option", CHOICES)
def test_what_an_option_lets_choose_is_all_that_there_is(option: str) -> None:
    command, flag = option.split()
    (found,) = (each for each in main.commands[command].params if flag in each.opts)
    assert isinstance(found.type, click.Choice)
    assert sorted(map(str, found.type.choices)) == sorted(map(str, CHOICES[option]))
