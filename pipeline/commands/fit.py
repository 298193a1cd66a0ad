"""fit, validate, test: train a config, or score a checkpoint on one of its splits."""

import torch

from ..interrupts import taking_its_time
from ..training.command_line import StrandCLI, command_line
from ..training.messages import quieten_lightning
from .options import run_command


def main(arguments: list[str]) -> int:
    """arguments: the command and its options."""
    torch.set_float32_matmul_precision("high")
    quieten_lightning()
    with taking_its_time():
        return run_command(train, arguments)


def train(arguments: list[str]) -> None:
    """Run Lightning's command line. Raises OSError or ValueError for what cannot be used."""
    command_line(StrandCLI, arguments)
