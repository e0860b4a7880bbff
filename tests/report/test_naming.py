from helixnas.report.naming import figure_text, name_of


def test_every_part_of_a_sum_has_its_name() -> None:
    assert name_of("relative_l1 + task_kl") == "relative L1 (Eq. 7) + task_kl"
    assert name_of("fairnas") == "FairNAS"


def test_a_figure_below_zero_has_a_true_minus_sign() -> None:
    assert figure_text(-0.5, (-0.75, 0.0)) == "\N{MINUS SIGN}0.500 (\N{MINUS SIGN}0.750 to 0.000)"
