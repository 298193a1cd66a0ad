"""fit, validate and test: a config trained, or a checkpoint scored on one of its splits."""

import torch

from ..training.command_line import StrandCLI, command_line, quieten_lightning
from .options import run


def main(arguments: list[str]) -> int:
    torch.set_float32_matmul_precision("high")
    quieten_lightning()
    return run(train, arguments)


def train(arguments: list[str]) -> int:
    command_line(StrandCLI, arguments)
    return 0
