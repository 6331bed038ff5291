# Quipu: `make run` starts it, `make test` tests it. Both set up .venv first, if they have to.
# Every path is relative, so that the folder may have spaces in its name.

.DEFAULT_GOAL := help

# The first Python on the path that is new enough; name another one with PYTHON=...
PYTHON ?=
PIP := .venv/bin/python -m pip --disable-pip-version-check
INPUTS := pyproject.toml constraints.txt

.PHONY: help run chat test slow drill drill-long soak lint types check fix pins audit clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: .venv/ready ## start Quipu: the platforms of config.toml, or a chat in this terminal
	@exec .venv/bin/quipu $(OPTIONS) run $(ARGS)

chat: .venv/ready ## chat in this terminal
	@exec .venv/bin/quipu $(OPTIONS) chat $(ARGS)

test: .venv/ready-dev ## run the tests, in random order
	@OMP_NUM_THREADS=1 exec .venv/bin/python -m pytest -n auto --dist worksteal $(ARGS)

.PHONY: fuzz
fuzz: .venv/ready-dev ## try a million hostile messages, names and files
	@exec .venv/bin/python -m tests.fuzz $(ARGS)

slow: .venv/ready-dev ## run the tests that take minutes
	@OMP_NUM_THREADS=1 exec .venv/bin/python -m pytest -m slow -n 2 --dist worksteal $(ARGS)

drill: .venv/ready-dev ## kill the program 50 times while people talk, and settle the account (minutes)
	@exec .venv/bin/python -m tests.drill $(ARGS)

drill-long: .venv/ready-dev ## the same 1,000 times in five towns side by side (45 minutes), written into benchmarks/results
	@exec .venv/bin/python -m tests.drill --kills 1000 --towns 5 --save $(ARGS)

soak: .venv/ready-dev ## let 200 channels talk for an hour and watch for what grows
	@exec .venv/bin/python -m tests.soak $(ARGS)

lint: .venv/ready-dev ## look at format and style
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .

types: .venv/ready-dev ## check the types, tests included
	@exec .venv/bin/mypy

check: ## everything that CI runs
	@exec .ci/run

fix: .venv/ready-dev ## mend format and what can be mended of style
	@.venv/bin/ruff check --fix . || true
	@.venv/bin/ruff format .

# Without torch's local tag and its CUDA packages, which are the business of pip's index.
pins: .venv/ready-dev ## write the versions in .venv into constraints.txt
	@grep '^#' constraints.txt > .venv/pins
	@$(PIP) freeze --all --exclude-editable --exclude quipu --exclude pip --exclude wheel | sed -E 's/\+[a-z0-9.]+$$//' \
		| grep -viE '^(nvidia-|cuda-|triton)|@' >> .venv/pins
	@mv .venv/pins constraints.txt

# Asks a service which of the pinned versions have known faults, so it needs a network.
audit: .venv/ready-dev ## look for known faults in the dependencies (needs a network)
	@.venv/bin/python -m pip --disable-pip-version-check install --quiet --target .venv/audit pip-audit
	@PYTHONPATH=.venv/audit .venv/bin/python -m pip_audit --strict --disable-pip --no-deps --requirement constraints.txt

clean: ## remove the environment and everything that tools left behind
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: .venv/made $(INPUTS)
	@echo "==> installing what Quipu needs (the first time this takes some minutes)"
	@$(PIP) install -c constraints.txt -e ".[discord,slack]"
	@touch .venv/ready

# It holds all that `make run` needs, so both are ready afterwards.
.venv/ready-dev: .venv/made $(INPUTS)
	@echo "==> installing what Quipu and its tests need (the first time this takes some minutes)"
	@$(PIP) install -c constraints.txt -e ".[discord,slack,dev]"
	@touch .venv/ready .venv/ready-dev

# An environment that somebody made by hand is kept, a broken one is made again.
.venv/made:
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || { \
	python=$$(PYTHON="$(PYTHON)" bash .ci/find-python) && \
	echo "==> making .venv with $$("$$python" --version)" && \
	"$$python" -m venv --clear .venv; }
	@touch .venv/made
