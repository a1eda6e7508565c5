# All the set-up there is: `make demo` shows the main job, `make test` checks everything.
# Paths are relative, so a checkout in a folder with a space in its name works.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test cassettes fuzz benchmark clean

demo: $(VENV)/ready
	$(RUN) -m fakegpt_testkit demo

test: $(VENV)/ready
	$(RUN) scripts/check.py

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable ".[dev]"
	touch $(VENV)/ready

cassettes: $(VENV)/ready
	$(RUN) scripts/record_cassettes.py

clean:
	rm -rf $(VENV) .matrix
