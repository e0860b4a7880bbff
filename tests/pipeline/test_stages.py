"""The summary of stitched networks: every kind of score and every size, on the same networks."""

from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.pipeline.stages import stitching_summary


def rows(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    drawn: list[dict[str, Any]] = []
    for _ in range(30):
        macs = float(rng.uniform(1, 2))
        scores = {kind: float(rng.normal() - macs) for kind in kinds}
        sizes = {"macs": macs, "params": float(rng.uniform()), "depth": int(rng.integers(3, 8))}
        drawn.append(
            {"architecture": "a", "scores": scores, "divergence": float(rng.uniform()), "accuracy": None, **sizes}
        )
    return drawn


def test_one_kind_of_score_is_held_against_every_size() -> None:
    table = rows(("relative_l1",))
    summary = stitching_summary(table)
    assert set(summary) == {"score", "macs", "params", "depth", "partial_spearman", "partial_spearman_interval"}
    score = -np.array([row["scores"]["relative_l1"] for row in table])
    measured = -np.array([row["divergence"] for row in table])
    assert agreement(score, measured).to_dict().items() <= summary["score"].items()
    sizes = {name: np.array([row[name] for row in table], dtype=float) for name in ("macs", "params", "depth")}
    beyond = partial_agreement(score, measured, sizes)
    assert (summary["partial_spearman"], summary["partial_spearman_interval"]) == (beyond.value, beyond.interval)
    assert summary["depth"] == agreement(sizes["depth"], measured).to_dict()


def test_several_kinds_of_score_are_each_summarised_and_the_first_is_the_score() -> None:
    summary = stitching_summary(rows(("relative_l1", "task_kl")))
    assert list(summary["kinds"]) == ["relative_l1", "task_kl"]
    assert summary["score"] == summary["kinds"]["relative_l1"]
    assert summary["kinds"]["task_kl"]["kendall"] != pytest.approx(summary["score"]["kendall"])
