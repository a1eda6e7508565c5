"""``python -m fakegpt_testkit`` is the command line."""

from fakegpt_testkit.cli import main

main(prog_name="fakegpt-testkit")
