"""Independent evidence in words: the best pair first, and a warning where two sources share nothing but size."""

from helixnas.artifacts.agreement import Estimate
from helixnas.report.run.evidence import disagreements, evidence_rows

FOUND = {
    ("log_kl", "naswot"): Estimate(0.0625, (-0.125, 0.25)),
    ("relative_l1", "naswot"): Estimate(0.5, (0.375, 0.625)),
}


def test_pairs_are_listed_from_the_best_with_intervals() -> None:
    assert evidence_rows(FOUND) == [
        ["relative L1 (Eq. 7)", "NASWOT (untrained)", "0.50", "0.38 to 0.62"],
        ["log_kl", "NASWOT (untrained)", "0.06", "\u22120.12 to 0.25"],
    ]


def test_only_a_pair_whose_interval_reaches_zero_is_warned_of() -> None:
    (sentence,) = disagreements(FOUND)
    assert sentence.startswith(
        "log_kl and NASWOT (untrained) agree on nothing but size (partial Spearman 0.062 (\u22120.125 to 0.250)), so one of them"
    )
