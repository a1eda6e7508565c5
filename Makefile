# All the set-up there is: `make demo` shows the main job, `make test` checks everything.
# Paths are relative, so a checkout in a folder with a space in its name works.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test docs cassettes fuzz benchmark comparison clean

demo: $(VENV)/ready
	$(RUN) -m fakegpt_testkit demo

test: $(VENV)/ready
	$(RUN) scripts/check.py

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable ".[dev]"
	touch $(VENV)/ready

docs: $(VENV)/ready
	$(RUN) -m sphinx -q --fail-on-warning --keep-going docs .matrix/docs
	@echo "the site is in .matrix/docs: open .matrix/docs/index.html"

cassettes: $(VENV)/ready
	$(RUN) scripts/record_cassettes.py

# Ten minutes of coverage-guided fuzzing of the event-stream parser; `make fuzz seconds=60` for less. What it finds
# interesting goes to .matrix/fuzz-corpus, an input that breaks a rule to fuzz/crash-….
fuzz: .matrix/fuzz/ready
	mkdir -p .matrix/fuzz-corpus
	.matrix/fuzz/bin/python fuzz/sse.py -max_total_time=$(or $(seconds),600) -max_len=256 -dict=fuzz/sse.dict \
		-artifact_prefix=fuzz/ .matrix/fuzz-corpus fuzz/sse_corpus

.matrix/fuzz/ready: pyproject.toml
	$(PYTHON) -m venv .matrix/fuzz
	.matrix/fuzz/bin/python -m pip install --quiet atheris --editable .
	touch .matrix/fuzz/ready

# The event-stream parser, the cassettes and a replayed flow, each with its peers; one of these, axio-sse, is measured
# where PYTHON is 3.12 or newer.
benchmark: .matrix/benchmark/ready
	.matrix/benchmark/bin/python benchmarks/sse.py
	.matrix/benchmark/bin/python benchmarks/sse_cases.py
	.matrix/benchmark/bin/python benchmarks/sse_json.py
	.matrix/benchmark/bin/python benchmarks/cassette.py
	.matrix/benchmark/bin/python benchmarks/replay.py
	.matrix/benchmark/bin/python benchmarks/suite.py

.matrix/benchmark/ready: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv .matrix/benchmark
	.matrix/benchmark/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt --editable .
	touch .matrix/benchmark/ready

# Eight probes over twenty tools that record HTTP, each in an environment of its own; needs a Python of 3.12 or newer too.
comparison: $(VENV)/ready
	$(RUN) benchmarks/comparison

clean:
	rm -rf $(VENV) .matrix
