# onecard. `make help` lists what can be run; every target sets up .venv by itself.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where the surroundings forbid it (images of containers do), each process would translate every module anew.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=
JOBS ?= 6
.DEFAULT_GOAL := help
.PHONY: help setup demo test check format requirements bench soak lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# Packages come from hashed lock files. The board packages are installed without their own
# dependencies, which need a compiler or the board itself.
define install
	@test -x $(BIN)/python || { if command -v uv >/dev/null; then uv venv -q --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi; }
	@if command -v uv >/dev/null; then pip="uv pip install -q --python $(BIN)/python"; else pip="$(BIN)/python -m pip install -q --disable-pip-version-check"; fi; \
	  $$pip --require-hashes -r $(1) && $$pip --require-hashes --no-deps -r requirements/board.txt && \
	  site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && pwd > "$$site/onecard.pth"
endef

$(VENV)/run.stamp: requirements/run.txt requirements/board.txt
	$(call install,requirements/run.txt)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt requirements/board.txt
	$(call install,requirements/dev.txt)
	@touch $(VENV)/run.stamp $@

# Browser tests need Chromium; without it they are left out and the run says so.
$(VENV)/browser.stamp: requirements/browser.txt $(VENV)/dev.stamp
	@if command -v chromium >/dev/null; then \
	  if command -v uv >/dev/null; then uv pip install -q --python $(BIN)/python --require-hashes -r requirements/browser.txt; \
	  else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/browser.txt; fi; fi
	@touch $@

setup: $(VENV)/dev.stamp $(VENV)/browser.stamp ## the development environment in .venv

demo: $(VENV)/run.stamp ## a whole site on this computer: centre, nodes, emulated chips (ARGS=--headless-check plays the story)
	@$(BIN)/python -m provisioning.demo $(ARGS)

test: setup ## the whole test suite but the house rules (make check); six processes keep two cores busy while most of them wait
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(ARGS) --ignore tests/house tests

check: setup ## format, lint, types, import contracts, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/house

format: setup ## put the code into shape
	$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

requirements: setup ## run the acceptance suite; print and write build/requirements.json
	$(BIN)/python -m tests.requirements_report $(ARGS)

bench: setup ## measure what performance depends on; prints the table, writes build/bench.json
	$(BIN)/python -m tests.bench $(ARGS)

soak: setup ## long runs: histories, power cuts, fuzzing (seeds are printed)
	$(BIN)/python -m tests.soak $(ARGS)

lock: ## resolve requirements/*.txt again (needs uv)
	for e in run dev browser node; do case $$e in \
	  run) x="--extra edge --extra central --extra provision";; dev) x="--extra edge --extra central --extra provision --extra dev";; browser) x="--extra browser";; node) x="--extra edge";; esac; \
	  uv pip compile -q pyproject.toml $$x --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements/$$e.txt; done
	for e in 'board mfrc522==0.0.7 rpi-lgpio==0.6 pi-rc522==2.3.0' 'node-aarch64 mfrc522==0.0.7 rpi-lgpio==0.6' 'node-3.11-aarch64 lgpio==0.2.2.0'; do set -- $$e; f=$$1; shift; \
	  printf '%s\n' "$$@" | uv pip compile -q - --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements/$$f.txt; done

clean: ## remove what was built
	rm -rf $(VENV) build .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
