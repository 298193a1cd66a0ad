"""The position of a training in a checkpoint, between two batches or between two epochs.

Lightning stores how often each of its loops was ready, started, processed and completed, as it was
in the hook that saved: from these numbers it may validate twice or not at all, or count an epoch
twice. Here they are set to what they are between two batches (the validation that is due after the
first still to be done, or done), or at the start of an epoch, from where it goes on as if it had
never stopped.
"""

LOOP = "epoch_loop."
BATCHES = LOOP + "batch_progress"
OPTIMIZER = LOOP + "automatic_optimization.optim_progress"
SCHEDULER = LOOP + "scheduler_progress"
VALIDATION = LOOP + "val_loop.batch_progress"
COUNTS = ("ready", "started", "processed", "completed")


def place_after_batch(loops: dict, validation_due: bool, validated: bool) -> None:
    """Set the state of a fit loop to that after a batch.

    validation_due: it comes before the next batch. validated: it is done.
    """
    for part in ("total", "current"):
        finish(loops[BATCHES][part])
    begun = int(validation_due and not validated)
    reset(loops[VALIDATION]["current"])
    loops[VALIDATION]["total"] |= {"ready": begun, "started": begun, "processed": 0, "completed": 0}
    loops[VALIDATION]["is_last_batch"] = False
    # Lightning counts the step once more after the validation
    count_steps(loops, -1 if validation_due else 0)


def place_after_epoch(loops: dict) -> None:
    """Set the state of a fit loop to that before the next epoch."""
    for part in ("total", "current"):
        finish(loops["epoch_progress"][part])
        reset(loops[VALIDATION][part])
    for progress in (loops[BATCHES], loops[SCHEDULER], *loops[OPTIMIZER]["optimizer"].values()):
        reset(progress["current"])
    loops[BATCHES]["is_last_batch"] = loops[VALIDATION]["is_last_batch"] = False
    count_steps(loops, 0)


def mend_older(loops: dict) -> None:
    """Set the state after an epoch as older versions saved it; others stay as they are."""
    epochs = loops["epoch_progress"]["current"]
    if epochs["started"] == epochs["processed"]:
        place_after_epoch(loops)


def count_steps(loops: dict, more: int) -> None:
    """Set the steps in the logs to the optimizer's, and so many more."""
    steps = loops[OPTIMIZER]["optimizer"]["step"]["total"]["completed"]
    loops[LOOP + "state_dict"]["_batches_that_stepped"] = steps + more


def next_batch(loops: dict) -> tuple[int, int]:
    """The epoch, and the batch in it, that comes next."""
    epoch = loops["epoch_progress"]["current"]["processed"]
    return epoch, loops[BATCHES]["current"]["completed"]


def finish(counts: dict[str, int]) -> None:
    """What is processed is completed: nothing is left in between."""
    counts |= dict.fromkeys(COUNTS, counts["processed"])


def reset(counts: dict[str, int]) -> None:
    counts |= dict.fromkeys(counts, 0)


def is_between_epochs(loops: dict) -> bool:
    return next_batch(loops)[1] == 0


def is_validation_due(loops: dict) -> bool:
    """Whether the validation that comes after the last batch is still to be done."""
    total = loops[VALIDATION]["total"]
    return total["started"] > total["processed"]
