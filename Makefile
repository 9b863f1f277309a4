# What a developer types.  `make` alone lists the targets.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
MODELS ?= ../shared/models

# A Python that tinyc supports and that can make a virtual environment; 3.11 first: tflite-runtime, the witness, has no wheel for newer ones.
SUPPORTED := import sys, ensurepip, venv; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for python in python3.11 python3.10 python3.12 python3.13 python3; do \
	$$python -c '$(SUPPORTED)' >/dev/null 2>&1 && { echo $$python; break; }; done)

# command that must exist : Debian packages that bring it
TOOLS := arm-none-eabi-gcc:gcc-arm-none-eabi,libnewlib-arm-none-eabi \
	qemu-system-arm:qemu-system-arm \
	clang-19:clang-19 \
	gcc:gcc,libc6-dev

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test test-fast lint format bench bench-update readme wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: tools $(VENV)/.ready ## install the cross compiler, the emulator and .venv (as root: by apt-get)

tools:
	@missing=""; \
	for tool in $(TOOLS); do \
		command -v "$${tool%%:*}" >/dev/null || missing="$$missing $$(echo "$${tool#*:}" | tr , ' ')"; \
	done; \
	[ -n "$(PYTHON)" ] || missing="$$missing python3 python3-venv"; \
	[ -n "$$missing" ] || exit 0; \
	install="apt-get install -y --no-install-recommends$$missing"; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing:$$missing"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive $$install; \
	else \
		echo "Missing:$$missing. Install them with:  sudo $$install" >&2; exit 5; \
	fi

$(VENV)/.ready: pyproject.toml | tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: setup ## deploy the handwritten-digit model to an emulated STM32F746 and show what it reads
	@mkdir -p build
	$(BIN)/tinyc deploy examples/digits/digits.tflite --board stm32f746 --inputs examples/digits/digits_test.npz --samples 8 \
		--json build/demo.json
	@$(BIN)/python examples/digits/show.py build/demo.json

test: setup ## every test, on $(JOBS) cores
	$(BIN)/pytest -n $(JOBS) --dist worksteal

test-fast: setup ## the tests that need neither cross compiler nor emulator
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not tools and not slow"

lint: setup ## style and types: ruff, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

format: setup ## rewrite the Python sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure the models of MODELS beside what other tools reach; fails where a count has risen over the record
	@mkdir -p build
	$(BIN)/tinyc bench --models $(MODELS) --jobs $(JOBS) --json build/bench.json

bench-update: setup ## the same, and write the counts down: as the record, and into README's tables
	$(BIN)/tinyc bench --models $(MODELS) --jobs $(JOBS) --update --page README.md

readme: setup ## run README.md's sessions and write down what they print now
	TINYC_UPDATE_README=1 $(BIN)/pytest -q tests/test_readme.py

wheel: setup ## build dist/tinyc-*.whl
	$(BIN)/python -m build --wheel

clean: ## remove what the other targets made, the virtual environment included
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
