# All the set-up there is: `make demo` shows the main job, `make test` checks everything before a change lands, and
# `make quick` is for the minutes in between. Paths are relative, so a checkout in a folder with a space in its name works.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
UV := .matrix/uv/bin/uv
LINES := requirements

.PHONY: demo test quick newest lines docs cassettes fuzz benchmark comparison clean

# Installs the runtime dependencies only.
demo:
	@echo "Records an answer, stops its service, replays it: about 5 s, the first time 20 s."
	@$(MAKE) --no-print-directory .matrix/demo/ready
	@.matrix/demo/bin/python -m fakegpt_testkit demo

# Before a change lands: everything, in the environment of the written lines and in that of the floor.
test:
	@$(PYTHON) scripts/check.py --list
	@$(MAKE) --no-print-directory $(VENV)/ready
	@$(RUN) scripts/check.py

# While you work: lint, types, and the tests that need no server, no subprocess, no browser.
quick: $(VENV)/ready
	@$(RUN) scripts/check.py quick

# The tests with the newest of everything; says what moved since the lines in requirements/ were written.
newest: $(VENV)/ready
	@$(RUN) scripts/check.py newest

# Writes anew which version of which dependency `make demo` and `make test` install.
lines: $(UV)
	$(UV) pip compile $(LOCK) --extra dev --output-file $(LINES)/dev.txt pyproject.toml
	$(UV) pip compile $(LOCK) --constraints $(LINES)/dev.txt --output-file $(LINES)/run.txt pyproject.toml
	$(UV) pip compile $(LOCK) --constraints $(LINES)/dev.txt --extra docs --output-file $(LINES)/docs.txt pyproject.toml
	$(UV) pip compile $(LOCK) --extra test --extra sdks --output-file $(LINES)/sdks.txt pyproject.toml
	$(UV) pip compile $(LOCK) --extra unmet --output-file $(LINES)/unmet.txt pyproject.toml
LOCK := --quiet --upgrade --python-version 3.11 --no-header --no-annotate

$(UV): $(LINES)/dev.txt
	@$(PYTHON) -m venv .matrix/uv
	@.matrix/uv/bin/python -m pip install -qq --constraint $(LINES)/dev.txt uv
	@touch $(UV)

$(VENV)/ready: pyproject.toml $(LINES)/dev.txt | $(UV)
	@echo "Installing what the checks need into $(VENV), about 15 s."
	@$(UV) venv --quiet --clear --python "$(PYTHON)" $(VENV)
	@$(UV) pip install --quiet --python $(RUN) --constraints $(LINES)/dev.txt --editable ".[dev]"
	@touch $(VENV)/ready

.matrix/demo/ready: pyproject.toml $(LINES)/run.txt | $(UV)
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .matrix/demo
	@$(UV) pip install --quiet --python .matrix/demo/bin/python --constraints $(LINES)/run.txt --editable .
	@touch .matrix/demo/ready

docs: $(VENV)/ready
	@$(RUN) scripts/check.py docs
	@echo "the site is in .matrix/site: open .matrix/site/index.html"

cassettes: $(VENV)/ready
	$(RUN) scripts/record_cassettes.py

# Ten minutes of coverage-guided fuzzing of the event-stream parser; `make fuzz seconds=60` for less. What it finds
# interesting goes to .matrix/fuzz-corpus, an input that breaks a rule to fuzz/crash-….
fuzz: .matrix/fuzz/ready
	mkdir -p .matrix/fuzz-corpus
	.matrix/fuzz/bin/python fuzz/sse.py -max_total_time=$(or $(seconds),600) -max_len=256 -dict=fuzz/sse.dict \
		-artifact_prefix=fuzz/ .matrix/fuzz-corpus fuzz/sse_corpus

.matrix/fuzz/ready: pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python "$(PYTHON)" .matrix/fuzz
	$(UV) pip install --quiet --python .matrix/fuzz/bin/python atheris --editable .
	touch .matrix/fuzz/ready

# The event-stream parser, the cassettes and a replayed flow, each with its peers; one of these, axio-sse, is measured
# where PYTHON is 3.12 or newer.
benchmark: .matrix/benchmark/ready
	.matrix/benchmark/bin/python benchmarks/sse.py
	.matrix/benchmark/bin/python benchmarks/sse_cases.py
	.matrix/benchmark/bin/python benchmarks/sse_json.py
	.matrix/benchmark/bin/python benchmarks/dialects.py
	.matrix/benchmark/bin/python benchmarks/cassette.py
	.matrix/benchmark/bin/python benchmarks/redaction.py
	.matrix/benchmark/bin/python benchmarks/replay.py
	.matrix/benchmark/bin/python benchmarks/clients.py
	.matrix/benchmark/bin/python benchmarks/suite.py
	.matrix/benchmark/bin/python benchmarks/serving.py
	.matrix/benchmark/bin/python benchmarks/sizes.py

.matrix/benchmark/ready: pyproject.toml benchmarks/requirements.txt | $(UV)
	$(UV) venv --quiet --clear --python "$(PYTHON)" .matrix/benchmark
	$(UV) pip install --quiet --python .matrix/benchmark/bin/python --requirement benchmarks/requirements.txt --editable .
	-npm install --silent --no-save --ignore-scripts --prefix .matrix/aimock @copilotkit/aimock@1.43.0
	touch .matrix/benchmark/ready

# Eight probes over twenty tools that record HTTP, each in an environment of its own; needs a Python of 3.12 or newer too.
comparison: $(VENV)/ready .matrix/comparison-sdk/ready
	$(RUN) benchmarks/comparison
	.matrix/comparison-sdk/bin/python benchmarks/comparison/sdk.py

# And an SDK over those that record for it; one of these, aimock, is a program of Node's.
.matrix/comparison-sdk/ready: pyproject.toml benchmarks/comparison/requirements.txt | $(VENV)/ready
	$(UV) venv --quiet --clear --python "$$($(RUN) benchmarks/comparison --python)" .matrix/comparison-sdk
	$(UV) pip install --quiet --python .matrix/comparison-sdk/bin/python \
		--requirement benchmarks/comparison/requirements.txt --editable .
	-npm install --silent --no-save --ignore-scripts --prefix .matrix/aimock @copilotkit/aimock@1.43.0
	touch .matrix/comparison-sdk/ready

clean:
	rm -rf $(VENV) .matrix
