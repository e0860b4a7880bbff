"""The sum of a search beside stitched networks: its scores and weights count, not those of the first kind alone."""

import numpy as np
import pytest

from helixnas.artifacts.agreement import agreement
from helixnas.artifacts.files import read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.pipeline.ad_hoc.stitched import stitched_ranking
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.search import load_tables
from helixnas.search.config import SearchConfig
from helixnas.space import load_space


def test_stitched_networks_are_ranked_by_the_weighted_sum_of_the_search(copy: RunFolder, tiny: Recipe) -> None:
    tables, space = load_tables(copy, copy.load_record()), load_space(tiny.space)
    rows = read_json(copy.stitching)["architectures"]
    sums: list[float] = []
    for row in rows:
        one, other = space.parse(row["architecture"]).paths
        first, second = tables.ratings
        kind = "task_kl"
        sums.append(
            first.mean(kind)[first.row(space.stem_width, one.text)]
            + 100 * second.mean(kind)[second.row(one.width, other.text)]
        )
    found = stitched_ranking(copy, SearchConfig(scores=("task_kl",), weights=(1.0, 100.0)))
    assert found is not None
    expected = agreement(-np.array(sums), -np.array([row["divergence"] for row in rows]))
    assert found.kendall.value == pytest.approx(expected.kendall)
    assert (found.score, found.num_networks) == ("task_kl (blocks weighted 1, 100)", 4)


def test_a_search_without_scores_is_that_of_the_first_kind(copy: RunFolder) -> None:
    found = stitched_ranking(copy, SearchConfig())
    assert found is not None
    stored = read_json(copy.stitching)["agreement"]["score"]
    assert found.score == "relative_l1"
    assert found.kendall.value == pytest.approx(stored["kendall"])


def test_without_the_check_there_is_no_ranking(copy: RunFolder) -> None:
    copy.stitching.unlink()
    assert stitched_ranking(copy, SearchConfig()) is None
