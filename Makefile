# make setup | demo | test | lint | torture | clean: each sets up .venv first if it must
# make fonts: what synthetic lines for training are set in (Debian, as root; 2 GB); none ships
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint torture clean fonts
setup: .venv/ready

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --group dev
	touch .venv/ready

demo: setup
	$(BIN)/python -m pipeline.commands.demo

test: setup
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

torture: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.torture

fonts:
	apt-get install --yes --no-install-recommends $$(cat datasets/lines/synthetic/fonts.txt)

clean:
	rm -rf .venv reports .pytest_cache .ruff_cache
