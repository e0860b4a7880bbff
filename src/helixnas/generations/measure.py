"""The figures of a finished generation: its teacher, its winner, how its scores rank, and what it cost."""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import Estimate, agreement
from helixnas.artifacts.files import read_text
from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder, Quality
from helixnas.artifacts.ranking import Ranking
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord, config_key
from helixnas.artifacts.search_record import SearchRecord
from helixnas.artifacts.study import Picked, Ranked
from helixnas.engine.progress import Reporter
from helixnas.generations.check import (
    check_at_hand,
    quality_after_training,
    quality_in_benchmark,
    quality_of_stitching,
)
from helixnas.generations.recipe import generations_of, search_of
from helixnas.lab import Summed
from helixnas.pipeline import stages
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.ad_hoc.stitched import stitched_ranking
from helixnas.pipeline.contents import digest_of
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stages.search import SEARCH
from helixnas.pipeline.work.search import ARCHITECTURE, RESULT, load_tables, teacher_costs
from helixnas.search.config import SearchConfig
from helixnas.space import Architecture

STAGES = tuple(takewhile(lambda name: name != SEARCH.name, (stage.name for stage in stages.STAGES)))
"""Stages of a generation before its searches."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A generation whose search is done."""

    number: int
    recipe: Recipe
    """Its own."""

    folder: RunFolder
    note: str
    """What a reader should know about its teacher."""


def winner_of(folder: RunFolder, search: str) -> Architecture:
    """Return the network that a search of a run chose."""
    return Architecture.from_json(read_text(folder.search(search) / ARCHITECTURE))


def measure(recipe: Recipe, one: Finished, before: Finished | None, lineage: Lineage, reporter: Reporter) -> Generation:
    """Return the figures of a generation; `recipe` is that of all, `before` the generation before it, if any.

    Figures that the lineage holds are returned if nothing that they depend on has changed.
    """
    search, folder, record = search_of(recipe), one.folder, one.folder.load_record()
    key = _key(recipe, one, record, before)
    found = next((each for each in lineage.generations if each.number == one.number and each.key == key), None)
    if found is not None:
        return found
    config = generations_of(recipe)
    ranking = None if not config.benchmark else rank_run(folder, Path(config.benchmark), reporter, first=search).ranking
    stitched = stitched_ranking(folder, one.recipe.searches[search])
    quality = _quality(recipe, one, lineage, ranking, stitched, reporter)
    result, facts = SearchRecord.load(folder.search(search) / RESULT), record.stages["teacher"].facts
    seconds, core_seconds = _cost(record, search, quality)
    return Generation(
        number=one.number,
        key=key,
        run=folder.path.name,
        teacher=one.recipe.teacher.title,
        scaled_from="" if before is None else winner_of(before.folder, search).text,
        teacher_costs={name: teacher_costs(record)[name] for name in ("params", "macs")},
        teacher_accuracy=facts.get("accuracy"),
        num_evaluated=int(facts.get("num_evaluated", 0)),
        winner=result.architecture,
        costs={name: result.costs[name] for name in ("params", "macs")},
        quality=quality,
        agreement=None if before is None else _agreement(recipe, before.folder, folder),
        stitched=stitched,
        trained=None if ranking is None else Ranked.trained(ranking),
        picked=None if ranking is None else Picked.of(ranking),
        seconds=seconds,
        core_seconds=core_seconds,
        note=one.note,
    )


def _quality(
    recipe: Recipe,
    one: Finished,
    lineage: Lineage,
    ranking: Ranking | None,
    stitched: Ranked | None,
    reporter: Reporter,
) -> Quality | None:
    is_part = ranking is not None and ranking.benchmark["num_networks"] < recipe.search_space.size
    check, winner = check_at_hand(recipe, is_part=is_part), winner_of(one.folder, search_of(recipe))
    if check == "benchmark":
        assert ranking is not None, "the recipe is refused otherwise"
        return quality_in_benchmark(ranking, winner.text)
    if check == "stitching":
        return quality_of_stitching(stitched)
    if not check:
        return None
    with one.folder.locked():
        return quality_after_training(
            recipe,
            Context(one.recipe, one.folder, reporter),
            winner,
            lineage.before(one.number),
            first=LineageFolder(one.folder.path.parent).run(1),
            title=f"training the winner of generation {one.number} shortly",
        )


def _agreement(recipe: Recipe, first: RunFolder, second: RunFolder) -> Estimate:
    """Return Kendall tau between the scores of two generations over random networks of the space."""
    space, stop = recipe.search_space, generations_of(recipe).stop
    config, rng = recipe.searches[search_of(recipe)], np.random.default_rng(recipe.seed)
    networks = list({each.text: each for each in (space.sample(rng) for _ in range(stop.num_networks))}.values())
    first_sums, second_sums = (_sums(folder, config, networks) for folder in (first, second))
    found = agreement(first_sums, second_sums)
    return Estimate(found.kendall, found.kendall_interval)


def _sums(folder: RunFolder, config: SearchConfig, networks: list[Architecture]) -> npt.NDArray[np.float64]:
    """Return the score of each network in a run, as its search adds it up."""
    tables = load_tables(folder, folder.load_record())
    return Summed.of(config, tables).sums(tables, networks)


def _cost(record: RunRecord, search: str, quality: Quality | None) -> tuple[float, float | None]:
    """Return wall-clock and processor seconds of a generation's stages and check; None where a stage recorded none."""
    stages = [record.stages[name] for name in (*STAGES, f"search:{search}") if name in record.stages]
    own, own_core = (0.0, 0.0) if quality is None else (quality.seconds, quality.core_seconds)
    spent = [stage.cost for stage in stages if stage.cost is not None]
    seconds = round(sum(stage.seconds for stage in stages) + own, 3)
    return seconds, round(sum(spent) + own_core, 3) if len(spent) == len(stages) else None


def _key(recipe: Recipe, one: Finished, record: RunRecord, before: Finished | None) -> str:
    """Return the hash of everything that the figures of a generation depend on."""
    config, search = generations_of(recipe), search_of(recipe)
    keys = [record.stages[name].key for name in (*STAGES, f"search:{search}") if name in record.stages]
    if before is not None:
        earlier = before.folder.load_record()
        keys += [earlier.stages[name].key for name in ("rate", f"search:{search}")]
    settings = {
        "stop": repr(config.stop),
        "search": search,
        "benchmark": digest_of(config.benchmark) if config.benchmark else "",
        "retrain": recipe.to_dict()["retrain"],
        "note": one.note,
    }
    return config_key(settings, *keys)
