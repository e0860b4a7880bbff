"""Sentences about a ranking follow its figures."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from helixnas.artifacts.agreement import Agreement
from helixnas.artifacts.ranking import SubsetRanking
from helixnas.report.lab.ranking_text import ceilings, noise, verdict

LEADS = {"macs": 0.25, "params": 0.5, "depth": 0.375}


@pytest.mark.parametrize(
    ("lead", "beyond", "sentence"),
    [
        (
            LEADS,
            0.5,
            "better than any size alone; the best of these is MACs (Kendall tau of the score minus that of the size: 0.250",
        ),
        ({**LEADS, "depth": -0.25}, 0.5, "Depth (layers) alone ranks better than relative L1"),
        (
            {**LEADS, "params": 0.0},
            0.5,
            "No significant difference between ranking by relative L1 (Eq. 7) and by parameters alone",
        ),
        (LEADS, 0.5, "correlation is 0.500 (0.250 to 0.750), so the score adds information to size."),
        (LEADS, 0.125, "the interval includes 0, so the score may add nothing to size."),
        (LEADS, -0.5, "among networks of equal size it prefers the worse."),
    ],
)
def test_the_words_follow_the_figures(
    subset_of: Callable[..., SubsetRanking], lead: dict[str, float], beyond: float, sentence: str
) -> None:
    assert sentence in verdict(subset_of("all", lead, beyond=beyond), "relative_l1")


def test_references_are_other_trainings_and_the_additive_fit(
    subset_of: Callable[..., SubsetRanking], agreement_of: Callable[..., Agreement]
) -> None:
    subset = subset_of("all")
    assert list(ceilings(subset)) == ["training 1 against 2"]
    assert list(ceilings(replace(subset, additive=agreement_of(0.75)))) == ["training 1 against 2", "best additive fit"]
    assert ceilings(subset_of("all", trainings=False)) == {}


def test_the_noise_of_training_limits_every_predictor() -> None:
    assert "would reach a Pearson correlation of 0.938 (Spearman-Brown)." in noise(0.9375)
