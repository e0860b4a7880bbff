"""Stitched networks of a run: their rows, their agreement with every kind of score and every size, and their absence."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm

from helixnas.artifacts import CostTable, RatingTable, RunRecord
from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.costs import cost_table
from helixnas.pipeline.context import Context
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.costs import count_costs
from helixnas.pipeline.work.rate import rate
from helixnas.pipeline.work.stitch import stitch, stitching_summary, sums_of_searches
from helixnas.search import Tables
from helixnas.search.config import SearchConfig
from helixnas.space import macro
from helixnas.teacher import Teacher


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


def test_every_sum_of_a_search_is_summarised_with_lower_for_better() -> None:
    table = rows(("relative_l1",))
    assert "sums" not in stitching_summary(table)
    summary = stitching_summary([{**row, "sums": {"a + b": row["divergence"]}} for row in table])
    assert summary["sums"]["a + b"]["kendall"] == pytest.approx(1)
    assert summary["sums"]["a + b"]["partial_spearman"] == pytest.approx(1)


def test_sums_of_searches_are_those_that_are_minimised_and_no_kind_alone() -> None:
    space = macro(name="one", widths=(4,), depths=(1,), stem_width=4, head_width=16)
    paths = [path.text for path in space.blocks[0].paths()]
    given = {"log_kl": [[0.0], [1.0], [2.0]], "naswot": [[0.0], [30.0], [30.0]], "flat": [[1.0]] * 3}
    table = RatingTable(
        block=1,
        previous_width=np.full(3, 4),
        path=tuple(paths),
        width=np.full(3, 4),
        batch_sizes=np.array([8]),
        scores={name: np.array(values) for name, values in given.items()},
    )
    tables = Tables(ratings=(table,), costs=cost_table(space, image_size=8, num_classes=3))
    sums = [("log_kl", "naswot"), ("log_kl",), (), ("log_kl", "naswot"), ("log_kl", "calibrated"), ("log_kl", "flat")]
    networks = [space.parse(path) for path in paths]
    found = sums_of_searches([SearchConfig(scores=scores) for scores in sums], tables, networks)
    assert list(found) == ["log_kl + naswot"]
    first, second, third = found["log_kl + naswot"]
    assert first < second < third  # a low score is good in both


def test_stitching_is_said_to_be_unavailable_where_the_head_reads_a_class_token_alone(undistilled: Context) -> None:
    sizes = {"img_size": 8, "patch_size": 4, "depth": 2, "embed_dim": 8, "num_heads": 2, "num_classes": 3}
    model = timm.create_model("test_vit", **sizes)
    vars(undistilled)["teacher"] = Teacher(model, ("blocks.0", "blocks.1"), input_size=(8, 8))
    result = stitch(undistilled, "key", "")
    content = json.loads(undistilled.folder.stitching.read_text())
    assert content["architectures"] == []
    assert "classifies by its class token" in content["unavailable"]
    assert result.facts["check"].startswith("unavailable: the teacher's output does not depend on the last boundary")


def test_the_score_of_a_network_is_the_sum_of_the_scores_of_its_paths_as_rated(undistilled: Context) -> None:
    folder, record, recipe = undistilled.folder, RunRecord(recipe="tiny"), undistilled.recipe
    undistilled.recipe = replace(recipe, stitching=replace(recipe.stitching, num_architectures=2))
    for name, work in (("costs", count_costs), ("rate", rate)):
        result: Result = work(undistilled, "key", "")
        stage = folder.stage_record(key="key", settings={}, files=result.files, facts=result.facts, seconds=0.0)
        record = record.with_stage(name, stage)
    folder.save_record(record)
    result = stitch(undistilled, "key", "")
    assert result[:3] == (("ratings/stitching.json",), {"architectures": 2}, True)
    found = json.loads(folder.stitching.read_text())
    assert found["agreement"] == {}  # two networks have no correlation
    tables, costs = [RatingTable.load(folder.rating(k)) for k in (1, 2)], CostTable.load(folder.costs)
    for row in found["architectures"]:
        architecture = undistilled.space.parse(row["architecture"])
        widths = (undistilled.space.stem_width, architecture.paths[0].width)
        for kind in ("relative_l1", "task_kl"):
            parts = zip(tables, widths, architecture.paths, strict=True)
            expected = sum(table.mean(kind)[table.row(width, path.text)] for table, width, path in parts)
            assert row["scores"][kind] == pytest.approx(expected)
        assert row["score"] == row["scores"]["relative_l1"]
        assert costs.of(architecture).items() <= row.items()
        assert row["divergence"] > 0
