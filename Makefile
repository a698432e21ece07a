# Python 3.11 or newer is all that these need. `make serve` starts Myna; `make test` runs what CI runs.
.PHONY: serve install web test test-web check format bench clean
.DEFAULT_GOAL := serve

WEB := .venv/bin/python scripts/web.py
PINS := scripts/install pyproject.toml $(wildcard requirements/*.txt)

serve: install
	@.venv/bin/myna serve

install: .venv/.runtime
	@$(WEB) build || true # Myna works without it, and the script has said so

web: .venv/.runtime
	@$(WEB) build

test: check
	.venv/bin/myna models pull starter
	.venv/bin/pytest -m "not models and not long" -n auto --dist worksteal
	.venv/bin/pytest -m "models and not long" -n 2 --dist loadfile

test-web: .venv/.dev
	@$(WEB) build
	.venv/bin/myna models pull starter
	.venv/bin/pytest -m long -n 2 --dist loadfile

check: .venv/.dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright
	.venv/bin/lint-imports
	$(WEB) check

format: .venv/.dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: .venv/.dev
	.venv/bin/myna models pull starter
	.venv/bin/python -m benchmarks

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	rm -rf web/node_modules src/myna/server/web_app

.venv/.runtime: $(PINS)
	@scripts/install runtime

.venv/.dev: $(PINS)
	@scripts/install dev
