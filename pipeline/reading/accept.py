"""predict --accept: mark predicted strings that need no human check, by validation guarantees."""

import dataclasses
import sys

from datasets.output.text import counted
from models.decoding.beam import BeamSearch

from ..scoring.risk_coverage import LEVEL, AcceptanceThreshold, best_guarantee, guaranteed_threshold
from ..scoring.temperature import decoder_name
from .prediction import Recognizer


def set_accept_threshold(
    recognizer: Recognizer, wanted: float, own: BeamSearch | None
) -> AcceptanceThreshold:
    """Set the recognizer's confidence threshold so that its records gain an `accepted` field.

    wanted: minimum share of the accepted strings that is correct, such as 0.99; see
    `guaranteed_threshold` for what is guaranteed and for which data. own: the bundle's stored
    search; any other search was never calibrated. Raises ValueError if the bundle cannot guarantee
    the share.
    """
    search = recognizer.bundle.decoder
    decoder = decoder_name(search)
    if search and (own is None or dataclasses.replace(search, n_best=own.n_best) != own):
        limit = f" and --n_best above {own.width}" if own else ", --decoder beam and --n_best"
        raise ValueError(
            f"--accept {wanted:g}: this search is not the one that the bundle was calibrated for; "
            f"leave out --lexicon{limit}"
        )
    calibration = recognizer.bundle.calibration.strings.get(decoder)
    if calibration is None or not calibration.curve.counts:
        raise ValueError(
            f"--accept {wanted:g}: this bundle was never calibrated for strings (decoder "
            f"{decoder}); run calibrate on labelled lines that it was not trained on"
        )
    accepted = guaranteed_threshold(calibration.curve, wanted)
    if accepted is None:
        best = best_guarantee(calibration.curve)
        rest = f"; they promise {best:g} at the most" if best else ""
        raise ValueError(
            f"--accept {wanted:g}: the {calibration.curve.counts[-1]} validation lines do not "
            f"promise that, at {100 * LEVEL:g} % certainty{rest}. Ask for less, or run calibrate "
            "on more"
        )
    recognizer.accepted_from = accepted.threshold
    return accepted


def print_accept_summary(
    accepted: int, read: int, wanted: float, found: AcceptanceThreshold
) -> None:
    """Print to standard error how many of the lines read were accepted, and the guarantee.

    Nothing if no line was read.
    """
    if not read:
        return
    share = 100 * accepted / read
    print(
        f"{accepted:,} of {counted(read, 'line')} ({share:.1f} %) can go unread: of such lines "
        f"at least {100 * wanted:g} % are right, as validation promises at {100 * LEVEL:g} % "
        f"certainty ({found.count - found.wrong:,} of {found.count:,} were) for lines like those",
        file=sys.stderr,
    )
