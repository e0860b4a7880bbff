"""A ranking's file: what is damaged or newer is one sentence; regret is a mean over budgets.

That a ranking is read back as it was saved is tested beside what makes one, in ``tests/lab/test_ranking.py``.
"""

import json
from pathlib import Path

import pytest

from helixnas.artifacts.ranking import BudgetPicks, Pick, Ranking
from helixnas.errors import ArtifactError


def ranking_of(*budgets: BudgetPicks) -> Ranking:
    return Ranking(
        benchmark={"name": "made"},
        scores=("score",),
        search_score="score",
        num_resamples=10,
        picked_by="hand",
        subsets=(),
        budgets=budgets,
        networks={},
    )


def budget_of(best: float, random: float, picked: float) -> BudgetPicks:
    picks = {"score": Pick(accuracy=picked, architecture=None)}
    return BudgetPicks(macs=1, num_rows=1, best=best, random=random, picks=picks)


def test_regret_is_the_mean_gap_to_the_best() -> None:
    ranking = ranking_of(budget_of(0.75, 0.5, 0.75), budget_of(1.0, 0.5, 0.75))
    assert (ranking.regret("score"), ranking.regret("random")) == (0.125, 0.375)


def test_scores_come_before_sizes() -> None:
    assert ranking_of().predictors == ("score", "macs", "params", "depth")


def test_a_ranking_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    ranking_of().save(tmp_path / "ranking.json")
    values = json.loads((tmp_path / "ranking.json").read_text())
    (tmp_path / "ranking.json").write_text(json.dumps({**values, "version": 2}))
    with pytest.raises(ArtifactError, match=r"was written by another HelixNAS \(format 2; this one reads 1\)"):
        Ranking.load(tmp_path / "ranking.json")


@pytest.mark.parametrize("content", ["{}", "[]", '{"format": "other"}', '{"format": "helixnas-ranking", "version": 1}'])
def test_a_damaged_ranking_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "ranking.json").write_text(content)
    with pytest.raises(ArtifactError, match="ranking.json is truncated or damaged"):
        Ranking.load(tmp_path / "ranking.json")
