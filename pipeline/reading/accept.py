"""predict --accept: which strings no human has to look at, by what was promised on validation."""

import dataclasses
import sys

from models.decoding.beam import BeamSearch

from ..scoring.risk_coverage import LEVEL, Accepted, best_guarantee, guaranteed_threshold
from ..scoring.temperature import decoder_name
from .prediction import Recognizer


def mark_accepted(recognizer: Recognizer, wanted: float, own: BeamSearch | None) -> Accepted:
    """Mark from now on, in each record, whether its string can go unread.

    wanted: the share of the accepted that is to be right, such as 0.99; what that promises, and
    for which data, is said at `risk.promised`. own: the search that the bundle came with; another
    one was never calibrated. Raises ValueError if this bundle cannot promise it.
    """
    asked = recognizer.bundle.decoder
    decoder = decoder_name(asked)
    if asked and (own is None or dataclasses.replace(asked, n_best=own.n_best) != own):
        most = f" and --n_best above {own.width}" if own else ", --decoder beam and --n_best"
        raise ValueError(
            f"--accept {wanted:g}: this search is not the one that the bundle was calibrated for; "
            f"leave out --lexicon{most}"
        )
    fitted = recognizer.bundle.calibration.strings.get(decoder)
    if fitted is None or not fitted.curve.counts:
        raise ValueError(
            f"--accept {wanted:g}: this bundle was never calibrated for strings (decoder "
            f"{decoder}); run calibrate on labelled lines that it was not trained on"
        )
    found = guaranteed_threshold(fitted.curve, wanted)
    if found is None:
        best = best_guarantee(fitted.curve)
        rest = f"; they promise {best:g} at the most" if best else ""
        raise ValueError(
            f"--accept {wanted:g}: the {fitted.curve.counts[-1]} validation lines do not promise "
            f"that, at {100 * LEVEL:g} % certainty{rest}. Ask for less, or run calibrate on more"
        )
    recognizer.accepted_from = found.threshold
    return found


def report_accepted(accepted: int, read: int, wanted: float, found: Accepted) -> None:
    """At the end, on standard error."""
    share = 100 * accepted / max(1, read)
    print(
        f"{accepted:,} of {read:,} lines ({share:.1f} %) can go unread: of such lines at least "
        f"{100 * wanted:g} % are right, as validation promises at {100 * LEVEL:g} % certainty "
        f"({found.count - found.wrong:,} of {found.count:,} were) for lines like those",
        file=sys.stderr,
    )
