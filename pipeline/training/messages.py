"""What Lightning says of itself, of which most is left out, and what it says is missing."""

import logging
import warnings


def describe_missing(error: ModuleNotFoundError) -> str:
    """What to install for a class of the config, such as W&B's logger."""
    reason = " ".join(str(error).split())
    return f"a class of the config needs a package that is not installed: {reason}"


def quieten_lightning() -> None:
    """Silence Lightning's tips, its deprecation warnings and its warnings on deliberate choices."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(is_no_tip)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")
    warnings.filterwarnings("ignore", ".*is not supported by the model summary.*")
    warnings.filterwarnings("ignore", "[^a-z]*Dump of a value that does not round-trip.*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="pytorch_lightning")


def is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()
