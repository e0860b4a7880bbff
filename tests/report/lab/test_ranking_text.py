"""Sentences about a ranking follow its figures."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from helixnas.artifacts.agreement import Agreement, Estimate
from helixnas.artifacts.ranking import Ranking, SubsetRanking
from helixnas.report.lab.ranking_text import BESIDE_SIZE, beside_size, ceilings, headline_first, noise, spent, verdict

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


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        (
            (0.1, 0.3),
            "With NASWOT (untrained) held fixed too, it is 0.200 (0.100 to 0.300): the score adds information to",
        ),
        ((-0.1, 0.5), "the score may add nothing to what is known without training."),
        ((-0.5, -0.1), "the score prefers the worse among networks that look alike without training."),
    ],
)
def test_what_a_score_adds_to_the_best_untrained_proxy_is_said(
    interval: tuple[float, float], sentence: str, subset_of: Callable[..., SubsetRanking]
) -> None:
    value = sum(interval) / 2
    subset = replace(subset_of("all", LEADS), beyond={"relative_l1": Estimate(value, interval)})
    assert sentence in verdict(subset, "relative_l1", "naswot")
    assert "held fixed too" not in verdict(subset_of("all", LEADS), "relative_l1", "")


def test_the_top_decile_is_shown_first(subset_of: Callable[..., SubsetRanking]) -> None:
    shown = headline_first([subset_of(name) for name in ("all", "top_decile", "no_identity")])
    assert [each.name for each in shown] == ["top_decile", "all", "no_identity"]


def test_references_are_other_trainings_and_the_additive_fit(
    subset_of: Callable[..., SubsetRanking], agreement_of: Callable[..., Agreement]
) -> None:
    subset = subset_of("all")
    assert list(ceilings(subset)) == ["training 1 against 2"]
    assert list(ceilings(replace(subset, additive=agreement_of(0.75)))) == ["training 1 against 2", "best additive fit"]
    assert ceilings(subset_of("all", trainings=False)) == {}


def test_the_noise_of_training_limits_every_predictor() -> None:
    assert "would reach a Pearson correlation of 0.938 (Spearman-Brown)." in noise(0.9375)


def test_scores_stand_beside_the_best_size_and_the_proxy(subset_of: Callable[..., SubsetRanking]) -> None:
    subset = subset_of("all", LEADS)
    titles, rows = beside_size(subset, ["relative_l1"])
    assert titles == [*BESIDE_SIZE]
    assert rows == [["relative L1 (Eq. 7)", "MACs", "0.250 (0.125 to 0.375)", "0.500 (0.250 to 0.750)"]]
    known = replace(subset, beyond={"relative_l1": Estimate(0.2, (0.1, 0.3))})
    titles, rows = beside_size(known, ["relative_l1"], "naswot")
    assert titles[-1] == "Spearman given size and NASWOT (untrained)"
    assert rows[0][-1] == "0.200 (0.100 to 0.300)"


@pytest.mark.parametrize("proxy", ["", "naswot"])
def test_depth_per_block_is_a_further_column_and_sentence(subset_of: Callable[..., SubsetRanking], proxy: str) -> None:
    known = replace(subset_of("all", LEADS), given_block_depths={"relative_l1": Estimate(0.2, (0.1, 0.3))})
    known = replace(known, beyond={"relative_l1": Estimate(0.4, (0.3, 0.5))}) if proxy else known
    titles, rows = beside_size(known, ["relative_l1"], proxy)
    beside = "size, NASWOT (untrained) and depth per block" if proxy else "size and depth per block"
    assert titles[-1] == f"Spearman given {beside}"
    assert len(rows[0]) == len(titles)
    assert rows[0][-1] == "0.200 (0.100 to 0.300)"
    assert verdict(known, "relative_l1", proxy).endswith(
        " Given the depth of every block too, it is 0.200 (0.100 to 0.300)."
    )


def test_the_cost_of_the_scores_is_one_sentence_and_left_out_where_it_is_not_known(ranking: Ranking) -> None:
    stages = {"teacher": {"core_seconds": 1400.4}, "rate": {"core_seconds": None}, "proxies": {"core_seconds": 16.0}}
    assert spent(replace(ranking, run={"stages": stages})) == "Core-seconds: teacher 1,400, proxies 16."
    assert spent(replace(ranking, run={})) == ""
