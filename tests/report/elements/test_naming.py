"""Display names of predictors."""

from helixnas.report.elements.naming import name_of


def test_every_part_of_a_sum_has_its_name() -> None:
    assert name_of("relative_l1 + task_kl") == "relative L1 (Eq. 7) + task_kl"
    assert name_of("fairnas") == "FairNAS"
