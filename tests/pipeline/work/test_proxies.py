"""Proxies of a run: every path scored, the same ones again, and read beside what is learned."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts import RatingTable, RunRecord
from helixnas.errors import ConfigError, DataError
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.pipeline.stages import PROXIES
from helixnas.pipeline.work.costs import count_costs
from helixnas.pipeline.work.proxies import check_images, score
from helixnas.pipeline.work.rate import rate
from helixnas.pipeline.work.search import load_tables
from helixnas.proxies import ProxiesConfig
from helixnas.search import Tables
from helixnas.search.config import SearchConfig

CONFIG = ProxiesConfig(num_networks=4, scores=("naswot", "num_layers", "gradnorm"), batch_size=6)


@pytest.fixture
def context(undistilled: Context) -> Context:
    undistilled.recipe = replace(undistilled.recipe, proxies=CONFIG)
    count_costs(undistilled, "key", "")
    return undistilled


def test_every_path_gets_a_score_that_is_lower_for_better(context: Context) -> None:
    result = score(context, "key", "")
    assert result.files == ("proxies/block-1.parquet", "proxies/block-2.parquet", "proxies/networks.json")
    known = json.loads(context.folder.proxy_networks.read_text())
    assert len({*known["networks"]}) == len(known["values"]["naswot"]) == 4
    tables = [RatingTable.load(context.folder.proxy(number)) for number in (1, 2)]
    for table, block in zip(tables, context.space.blocks, strict=True):
        assert {*table.path} == {path.text for path in block.paths()}
        assert list(table.scores) == list(CONFIG.scores)
    architectures = [context.space.parse(text) for text in known["networks"]]
    assert known["values"]["num_layers"] == [float(each.effective_depth) for each in architectures]
    for table in tables:
        layers = [context.space.parse_path(text).effective_depth for text in table.path]
        assert table.mean("num_layers").tolist() == [-float(number) for number in layers]
    sums = []
    for each in architectures:
        widths = (context.space.stem_width, each.paths[0].width)
        rows = [t.row(width, p.text) for t, p, width in zip(tables, each.paths, widths, strict=True)]
        sums.append(sum(t.mean("naswot")[row] for t, row in zip(tables, rows, strict=True)))
    if np.ptp(sums) > 0:
        assert np.corrcoef(sums, known["values"]["naswot"])[0, 1] < 0


def test_two_equal_images_are_told_where_naswot_has_no_value(context: Context, in_memory) -> None:
    data: Any = context.data
    data.train = in_memory(np.zeros((12, 8, 8, 3), dtype=np.uint8), np.arange(12) % 3)
    with pytest.raises(
        ConfigError, match="is not finite, because it responds alike to two of the images; choose another"
    ):
        score(context, "key", "")
    assert not context.folder.proxy_networks.exists()


def test_a_flow_that_float64_does_not_hold_is_no_matter_of_the_seed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.proxies.measuring.synflow", lambda model, images: math.inf)
    context.recipe = replace(context.recipe, proxies=replace(CONFIG, scores=("synflow",)))
    with pytest.raises(ConfigError, match="more than float64 holds, whatever seed and images; leave synflow out of"):
        score(context, "key", "")


def test_images_that_proxies_cannot_use_are_refused_before_the_teacher_is_trained(context: Context, in_memory) -> None:
    assert "helixnas.pipeline.work.proxies:check_images" in PROXIES.checks
    check_images(context)
    data: Any = context.data
    data.train = in_memory(np.zeros((12, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="the proxy gradnorm needs labels"):
        check_images(context)
    context.recipe = replace(context.recipe, proxies=ProxiesConfig(num_networks=4, batch_size=13))
    with pytest.raises(ConfigError, match="proxies.batch_size is 13, but there are only 12 training images"):
        check_images(context)


@pytest.mark.parametrize(
    ("scores", "passes"),
    [
        (("naswot",), 8),
        (("snip", "num_layers"), 3 * 8),
        (("zico", "gradnorm"), 2 * 3 * 8),
        (("synflow",), 2 * 3),
    ],
)
def test_the_estimated_time_counts_backward_passes_and_float64(
    tiny: Recipe, scores: tuple[str, ...], passes: int
) -> None:
    times = ForwardTimes(teacher=10.0, network=0.5, supernet=10.0, rating=10.0)
    recipe = replace(tiny, proxies=ProxiesConfig(num_networks=4, num_seeds=2, scores=scores, batch_size=8))
    assert PROXIES.seconds is not None
    assert PROXIES.seconds(recipe, times) == 4 * 2 * passes * 0.5


def test_proxies_that_a_recipe_gave_up_are_not_read(context: Context) -> None:
    files = {"costs": ("costs.parquet",), "rate": rate(context, "key", "").files}
    files["proxies"] = score(context, "key", "").files
    assert list(_tables(context, files, num_networks=4).ratings[0].scores)[-1] == "gradnorm"
    assert list(_tables(context, files, num_networks=0).ratings[0].scores) == ["relative_l1", "task_kl"]


def test_the_same_seed_gives_the_same_scores_and_another_does_not(context: Context) -> None:
    score(context, "key", "")
    first = context.folder.proxy_networks.read_text()
    score(context, "other", "")
    assert context.folder.proxy_networks.read_text() == first
    context.recipe = replace(context.recipe, seed=1)
    score(context, "third", "")
    assert context.folder.proxy_networks.read_text() != first


def test_tables_hold_proxies_after_what_is_learned(context: Context) -> None:
    files = {"costs": ("costs.parquet",), "rate": rate(context, "key", "").files}
    files["proxies"] = score(context, "key", "").files
    tables = _tables(context, files, num_networks=4)
    assert list(tables.ratings[0].scores) == ["relative_l1", "task_kl", *CONFIG.scores]


def _tables(context: Context, files: dict[str, tuple[str, ...]], *, num_networks: int) -> Tables:
    """Return the tables of a run with these stages and this number of networks in its settings."""
    folder, found = context.folder, RunRecord(recipe="tiny", versions={})
    keys = {one.name: one.key for one in plan(replace(context.recipe, proxies=CONFIG).to_dict())}
    for name, own in files.items():
        stage = folder.stage_record(key=keys.get(name, "key"), settings={}, files=own, facts={}, seconds=0.0)
        found = found.with_stage(name, stage)
    recipe = replace(context.recipe, proxies=replace(CONFIG, num_networks=num_networks))
    folder.save_settings(recipe.to_dict())
    return load_tables(folder, found)


def test_a_recipe_plans_proxies_only_if_it_asks_for_them(tiny: Recipe) -> None:
    names = [one.name for one in plan(tiny.to_dict())]
    assert "proxies" not in names
    added = replace(tiny, proxies=CONFIG, searches={"it": SearchConfig(scores=("relative_l1", "naswot"))})
    planned = {one.name: one for one in plan(added.to_dict())}
    assert [*planned].index("proxies") == [*planned].index("distill") - 1
    assert planned["search:it"].upstream == ("rate", "costs", "proxies")
    without = replace(added, searches={"it": SearchConfig(scores=("relative_l1",))})
    assert {one.name: one for one in plan(without.to_dict())}["search:it"].upstream == ("rate", "costs")
