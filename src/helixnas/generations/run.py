"""Generations of a search (DNA+, Sec. 3.4, Fig. 3): the winner, scaled and trained, teaches the next search.

Each generation is an ordinary run in ``generation-N``, up to its searches; the lineage in ``generations.json`` compares them.
The networks that the best generation chose are retrained, unscaled, in its run.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.files import remove
from helixnas.artifacts.lineage import Lineage, LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.data.readers import count_classes
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.generations.measure import Finished, measure, winner_of
from helixnas.generations.outlook import outlook
from helixnas.generations.recipe import (
    first_costs,
    first_recipe,
    generations_of,
    later_recipe,
    search_of,
    size_in,
)
from helixnas.generations.teacher import scaled_teacher
from helixnas.generations.verdict import reason_to_stop
from helixnas.lab import load_benchmark
from helixnas.lab.ranking import require_members
from helixnas.pipeline import stages
from helixnas.pipeline.contents import require_apart
from helixnas.pipeline.context import Context, import_extensions
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.plan import is_done, plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.work.early_budgets import check_early
from helixnas.pipeline.work.search import teacher_costs
from helixnas.report import build_generations_page
from helixnas.report.generations.text import against
from helixnas.space import SearchSpace


def run_generations(
    recipe: Recipe,
    out: LineageFolder,
    reporter: Reporter,
    *,
    until: str = "report",
    redo: bool = False,
    others: Sequence[RunFolder] = (),
    spread: Spread | None = None,
) -> Lineage:
    """Run the generations of a recipe one after the other, until they are settled or all done, and return the lineage.

    Finished work is skipped, and an interrupted run is continued. A changed setting redoes the generation that it belongs to
    and those after it. `until` a stage before the search, only generation 1 runs, up to that stage; until the search, nothing
    is retrained. `redo` replaces generations of another recipe in the folder. Finished stages of the `others` are reused where
    their settings are the same: a finished run of the recipe is generation 1. A `spread` lets other processes do the parts of
    stages that can be divided.

    Raises:
        ConfigError: a winner cannot be scaled to the size asked for (an earlier generation is not lost), or the folder is that of
            the images.
        DataError: the images have no labels, which the second teacher needs.
        ArtifactError: another process uses the folder, or it holds something else.
        Interrupted: a signal asked to stop; finished work is saved.
    """
    verbs = [*stages.verbs(), "report"]
    if until not in verbs:
        raise UnknownNameError("stage", until, verbs)
    config = generations_of(recipe)
    import_extensions(recipe)
    require_apart(recipe.to_dict(), out.path)
    with out.own.locked():
        lineage, replaced = _begin(recipe, out, redo=redo)
        unbegun = LineageFolder(out.path / "unbegun")  # nothing of another recipe counts
        _check(recipe, unbegun if replaced else out, reporter)
        for path in replaced:
            remove(path)
        lineage.save(out.lineage)  # before the settings, so that a folder with settings is always a lineage
        out.own.save_settings(recipe.to_dict())
        before: Finished | None = None
        for number in range(1, config.number + 1):
            one = _prepared(recipe, number, before, out)
            reporter.say(f"generation {number} of at most {config.number}: {one.folder.path}{_teacher_text(one)}")
            is_early = verbs.index(until) < verbs.index("search")
            own = reporter.of_run(one.folder.tensorboard)
            last_stage = until if is_early else "search"
            run_recipe(one.recipe, one.folder, own, until=last_stage, redo=redo, others=others, spread=spread)
            if is_early:
                return lineage
            lineage = lineage.with_generation(measure(recipe, one, before, lineage, own))
            so_far = replace(lineage, generations=lineage.before(number + 1))
            *earlier, last = so_far.generations
            if found := against(last, earlier):
                reporter.say(found)
            if reason := reason_to_stop(so_far, config.stop):
                reporter.say(reason)
                lineage = replace(so_far, reason=reason)
            lineage.save(out.lineage)
            if reason:
                break
            before = one
        _finish(recipe, lineage, out, reporter, until=until, others=others)
    return lineage


def recipe_of(recipe: Recipe, number: int, out: LineageFolder) -> Recipe:
    """Return the recipe of a generation whose predecessors are finished."""
    before = None if number == 1 else Finished(number=number - 1, recipe=recipe, folder=out.run(number - 1), note="")
    return _prepared(recipe, number, before, out).recipe


def _prepared(recipe: Recipe, number: int, before: Finished | None, out: LineageFolder) -> Finished:
    """Return a generation that is about to run; its teacher is made of the winner before it."""
    if before is None:
        return Finished(number=1, recipe=first_recipe(recipe), folder=out.run(1), note="")
    num_classes = int(CostTable.load(out.run(1).costs).facts["num_classes"])
    same = size_in(recipe, number) == size_in(recipe, 1)
    record = out.run(1).load_record()
    first = teacher_costs(record) if same else first_costs(recipe, number, num_classes=num_classes)
    teacher = scaled_teacher(
        winner_of(before.folder, search_of(recipe)),
        generations_of(recipe).teacher_of(number),
        first=first,
        image_size=size_in(recipe, number),
        num_classes=num_classes,
        number=number,
    )
    own = later_recipe(recipe, number, teacher, first=first)
    return Finished(number=number, recipe=own, folder=out.run(number), note=teacher.note)


def _teacher_text(one: Finished) -> str:
    if one.number == 1:
        return ""
    return f", taught by {one.recipe.teacher.title}{f' ({one.note})' if one.note else ''}"


def _begin(recipe: Recipe, out: LineageFolder, *, redo: bool) -> tuple[Lineage, list[Path]]:
    """Return the lineage in a folder, or a new one, and what must go first: the generations of another recipe."""
    config, search = generations_of(recipe), search_of(recipe)
    lineage, replaced = Lineage(recipe=recipe.name, number=config.number, search=search), list[Path]()
    if out.own.exists():
        raise ArtifactError(f"{out.path} holds an ordinary run, no generations; choose another --out")
    if out.exists():
        try:
            found = out.load()
        except ArtifactError:
            if not redo:
                raise
            found = Lineage(recipe="", number=config.number, search=search)  # damaged, to be replaced
        if found.recipe != recipe.name and not redo:
            raise ArtifactError(
                f"{out.path} holds generations of recipe {found.recipe!r}, not of {recipe.name!r}; choose another --out, or "
                "add --redo to replace them"
            )
        if found.recipe == recipe.name:
            kept = tuple(one for one in found.generations if one.number <= config.number)
            lineage = replace(lineage, generations=kept if found.search == search else ())
        else:
            replaced = [*sorted(out.path.glob("generation-*")), out.report]
    elif out.own.config.exists():
        raise ArtifactError(f"{out.path} has a config.yaml but no generations; choose another --out")
    return lineage, replaced


def _check(recipe: Recipe, out: LineageFolder, reporter: Reporter) -> None:
    """Raise if a later generation could not run, before the first one begins."""
    config, folder = generations_of(recipe), out.run(1)
    if config.benchmark:
        require_in_space(config.benchmark, recipe.search_space)
    own, num_classes = first_recipe(recipe), count_classes(recipe.data)
    for one in outlook(recipe, out, num_classes=num_classes):  # raises where no network of the space can teach
        sketch(one.recipe, num_classes)
        if one.number > 1:  # the first is checked by its own run
            check_early(one.recipe, one.folder, num_classes=num_classes)
    record = folder.load_record() if folder.exists() else None
    if record is not None and all(is_done(one, record, folder) for one in plan(own.to_dict(), record.contents)[:1]):
        return
    Context(own, folder, reporter).data.train.require_labels("the teacher of generation 2")


def require_in_space(benchmark: str, space: SearchSpace) -> None:
    """Raise `ArtifactError` if a file holds no benchmark of networks of this space."""
    require_members(load_benchmark(Path(benchmark)).as_in(space), space)


def _finish(
    recipe: Recipe,
    lineage: Lineage,
    out: LineageFolder,
    reporter: Reporter,
    *,
    until: str,
    others: Sequence[RunFolder],
) -> None:
    """Retrain the networks of the best generation, and write the pages."""
    best, reports = lineage.best.number, until == "report"
    if reports or until == "retrain":
        reporter.say(f"generation {best} is kept: {lineage.best.winner}")
        own = reporter.of_run(out.run(best).tensorboard)
        run_recipe(recipe_of(recipe, best, out), out.run(best), own, until="retrain", others=others)
    if reports:
        reporter.say(f"report: {build_generations_page(out)}")
