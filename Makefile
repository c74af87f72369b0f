# Two commands for a newcomer, `make run` and `make test`; `make help` lists the others.
# Recipes exec what lasts, so that a signal to make reaches it.

PYTHON ?= python3
PROVISION = $(PYTHON) -I smartinvoicing/provision.py
BIN = $(CURDIR)/.venv/bin
ARGS ?=
CHAOS_SCHEDULES ?= 500
XDIST ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Settings for what only reads them: mypy's Django plugin loads them and connects to nothing.
NOWHERE = ENVIRONMENT=test SECRET_KEY=nowhere REDIS_URL=redis://127.0.0.1:9 \
	FIELD_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= DATABASE_URL=postgresql://app@127.0.0.1:9/none
LOCK = "$(BIN)/uv" pip compile -q --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test e2e chaos bench lint fmt types lock hooks deploy-check clean-local dev

help: ## what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do \
		printf '  make %-13s %s\n' "$$name" "$$text"; done

run: ## the whole product on http://127.0.0.1:8000 (PORT=8001 make run for another port)
	@exec $(PROVISION) local
	@exec "$(BIN)/python" manage.py run_all

test: dev ## every test, on servers of its own (ARGS="-k name" for some, XDIST= for one process)
	@exec "$(BIN)/python" -m pytest $(XDIST) $(ARGS)

e2e: dev ## the journeys in a real browser, with a picture of each page in .local/pictures
	@exec env PICTURES="$${PICTURES:-$(CURDIR)/.local/pictures}" "$(BIN)/python" -m pytest tests/browser $(ARGS)

chaos: dev ## kill -9 at every crash point, and worse: 500 storms, the big counts whole
	@exec env CHAOS_SCHEDULES=$(CHAOS_SCHEDULES) "$(BIN)/python" -m pytest tests/chaos $(ARGS)

bench: dev ## the figures: name, value, unit, compared with, ratio
	@exec "$(BIN)/python" -m bench $(ARGS)

lint: dev ## ruff, and the floors
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/ruff" check .
	@"$(BIN)/lint-imports" --no-cache

fmt: dev ## format, and mend what the linter can
	@"$(BIN)/ruff" format .
	@"$(BIN)/ruff" check --fix .

types: dev ## mypy, strict
	@exec env $(NOWHERE) "$(BIN)/mypy"

lock: dev ## resolve the dependencies anew (add -U by LOCKARGS=-U)
	@$(LOCK) $(LOCKARGS) pyproject.toml -o requirements/runtime.lock
	@$(LOCK) $(LOCKARGS) --extra local pyproject.toml -o requirements/local.lock
	@$(LOCK) $(LOCKARGS) --extra local --extra dev pyproject.toml -o requirements/dev.lock
	@echo "uv==0.13.9" | $(LOCK) - -o requirements/installer.lock
	@if grep -l '://' requirements/*.lock; then echo "a lock names an address" >&2; exit 1; fi

hooks: ## have git format and lint what is committed
	@git config core.hooksPath .githooks

deploy-check: dev ## would production start with the variables that are set now?
	@ENVIRONMENT=production "$(BIN)/python" manage.py check --deploy --fail-level WARNING

clean-local: ## throw away the data of `make run`
	@$(PROVISION) clean-local

dev:
	@exec $(PROVISION) dev
