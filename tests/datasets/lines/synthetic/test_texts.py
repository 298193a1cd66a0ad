"""Random texts of synthetic lines."""

import numpy as np

from datasets.lines.synthetic.texts import receipt_case


def test_receipts_are_written_in_every_case():
    rng = np.random.default_rng(0)
    found = {receipt_case(rng, "total 9pcs don't Pay") for _ in range(60)}
    assert found == {"TOTAL 9PCS DON'T PAY", "Total 9pcs Don't Pay", "total 9pcs don't Pay"}
