"""A study: variants of one recipe, each an ordinary run, with a table and a figure of how well they rank networks.

Variants run in order up to the search, in ``variants/LABEL``. A variant reuses stages that an earlier one finished with
the same settings, and a stopped study resumes where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from helixnas.artifacts import RunRecord
from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, HelixError
from helixnas.experiments.feature_maps import feature_maps
from helixnas.experiments.study_plan import StudyPlan, Variant, stages_of
from helixnas.generations.run import recipe_of, run_generations
from helixnas.lab import load_benchmark
from helixnas.lab.ranking import require_members
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.ad_hoc.stitched import stitched_ranking
from helixnas.pipeline.context import Context, import_extensions
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.spread import Spread
from helixnas.report import build_study_page
from helixnas.report.lab.feature_maps import maps_figure
from helixnas.search.config import SearchConfig


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One run of a study."""

    label: str
    recipe: Recipe
    folder: RunFolder
    search: str
    """Its first search, or the one whose winner teaches next; empty if it has none."""

    winner_accuracy: float | None = None


def run_study(study: StudyPlan, reporter: Reporter, *, redo: bool = False, spread: Spread | None = None) -> Study:
    """Run every variant up to its search and write figures and page; `redo` replaces runs of another recipe.

    A `spread` lets other processes do the parts of stages that can be divided.

    Raises:
        HelixError: a variant fails, or its networks are not those of the benchmark.
        Interrupted: asked to stop; finished work is saved.
    """
    check_benchmark(study)
    rows, done, maps, name = list[StudyRow](), list[RunFolder](), dict[str, list[str]](), ""
    for number, variant in enumerate(study.variants, start=1):
        reporter.say(f"variant {variant.label} ({number} of {len(study.variants)}): {study.place(variant)}")
        for one in _run(study, variant, reporter, done, redo=redo, spread=spread):
            record = one.folder.load_record()
            ranked = None
            if study.benchmark is not None:
                ranked = rank_run(one.folder, study.benchmark, reporter, first=one.search).ranking
            name = "" if ranked is None else ranked.benchmark["name"]
            done.append(one.folder)
            if study.feature_maps:
                maps[one.label] = _maps(one, record, reporter)
            rows.append(
                StudyRow(
                    label=one.label,
                    changes=variant.changes,
                    run=one.folder.path.relative_to(study.out).as_posix(),
                    seconds=round(sum(record.stages[each].seconds for each in stages_of(one.recipe)), 3),
                    chosen=_chosen(one, record),
                    stitched=stitched_ranking(one.folder, one.recipe.searches.get(one.search, SearchConfig())),
                    trained=None if ranked is None else Ranked.trained(ranked),
                    picked=None if ranked is None else Picked.of(ranked),
                    teacher_accuracy=record.stages["teacher"].facts.get("accuracy"),
                    winner_accuracy=one.winner_accuracy,
                )
            )
    found = Study(
        name=study.name,
        description=study.description,
        base=study.base,
        axis=study.axis,
        ordered=study.ordered,
        benchmark=name,
        rows=tuple(rows),
    )
    found.save(study.figures)
    build_study_page(found, study.page, maps)
    return found


def check_benchmark(study: StudyPlan) -> None:
    """Raise `ArtifactError` if a variant's networks are not those of the benchmark."""
    if study.benchmark is None:
        return
    trained = load_benchmark(study.benchmark)
    for variant in study.variants:
        import_extensions(variant.recipe)
        space = variant.recipe.search_space
        try:
            require_members(trained.as_in(space), space)
        except HelixError as error:
            raise ArtifactError(f"variant {variant.label} cannot be ranked: {error}") from error


def _run(
    study: StudyPlan,
    variant: Variant,
    reporter: Reporter,
    done: Sequence[RunFolder],
    *,
    redo: bool,
    spread: Spread | None,
) -> list[_Run]:
    """Run a variant up to its search, or all its generations, and return its runs."""
    recipe, place = variant.recipe, study.place(variant)
    if recipe.generations is None:
        folder = RunFolder(place)
        run_recipe(recipe, folder, reporter, until="search", redo=redo, others=done, spread=spread)
        first = next(iter(recipe.searches), "")
        return [_Run(label=variant.label, recipe=recipe, folder=folder, search=first)]
    out = LineageFolder(place)
    lineage = run_generations(recipe, out, reporter, until="search", redo=redo, spread=spread)
    return [
        _Run(
            label=f"{variant.label}, generation {one.number}",
            recipe=recipe_of(recipe, one.number, out),
            folder=out.run(one.number),
            search=lineage.search,
            winner_accuracy=one.quality.value if one.quality and one.quality.check == "retrained" else None,
        )
        for one in lineage.generations
    ]


def _chosen(one: _Run, record: RunRecord) -> str:
    return str(record.stages[f"search:{one.search}"].facts.get("architecture", "")) if one.search else ""


def _maps(one: _Run, record: RunRecord, reporter: Reporter) -> list[str]:
    """Return a figure of feature maps per block of the network that a run's search chose."""
    context = Context(one.recipe, one.folder, reporter)
    chosen = context.space.parse(_chosen(one, record))
    return [maps_figure(*each) for each in feature_maps(context, chosen)]
