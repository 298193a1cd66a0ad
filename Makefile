# make setup | demo | test | lint | clean: each sets up .venv first if it must
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint clean
setup: .venv/ready

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --group dev
	touch .venv/ready

demo: setup
	$(BIN)/python -m pipeline.demo

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv reports .pytest_cache .ruff_cache
