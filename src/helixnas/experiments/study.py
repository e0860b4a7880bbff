"""A study: variants of one recipe, each an ordinary run, with a table and a figure of how well they rank networks.

Variants run in order up to the search, in ``variants/LABEL``. A variant reuses stages that an earlier one finished with
the same settings, and a stopped study resumes where it was.
"""

from helixnas.artifacts import RunRecord
from helixnas.artifacts.files import read_json, understanding
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, HelixError
from helixnas.experiments.feature_maps import feature_maps
from helixnas.experiments.study_plan import StudyPlan, Variant, stages_of
from helixnas.lab import load_benchmark
from helixnas.lab.ranking import require_members
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.context import Context, import_extensions
from helixnas.pipeline.run import run_recipe
from helixnas.report import build_study_page
from helixnas.report.lab.feature_maps import maps_figure


def run_study(study: StudyPlan, reporter: Reporter, *, redo: bool = False) -> Study:
    """Run every variant up to its search and write figures and page; `redo` replaces runs of another recipe.

    Raises:
        HelixError: a variant fails, or its networks are not those of the benchmark.
        Interrupted: asked to stop; finished work is saved.
    """
    check_benchmark(study)
    rows, done, maps, name = list[StudyRow](), list[RunFolder](), dict[str, list[str]](), ""
    for number, variant in enumerate(study.variants, start=1):
        folder = study.folder(variant)
        reporter.say(f"variant {variant.label} ({number} of {len(study.variants)}): {folder.path}")
        record = run_recipe(variant.recipe, folder, reporter, until="search", redo=redo, others=done)
        ranked = None if study.benchmark is None else rank_run(folder, study.benchmark, reporter).ranking
        name = "" if ranked is None else ranked.benchmark["name"]
        done.append(folder)
        if study.feature_maps:
            maps[variant.label] = _maps(variant, folder, record, reporter)
        rows.append(
            StudyRow(
                label=variant.label,
                changes=variant.changes,
                run=folder.path.relative_to(study.out).as_posix(),
                seconds=round(sum(record.stages[each].seconds for each in stages_of(variant)), 3),
                chosen=_chosen(variant, record),
                stitched=_stitched(variant, folder),
                trained=None if ranked is None else Ranked.trained(ranked),
                picked=None if ranked is None else Picked.of(ranked),
                teacher_accuracy=record.stages["teacher"].facts.get("accuracy"),
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


def _chosen(variant: Variant, record: RunRecord) -> str:
    first = next(iter(variant.recipe.searches), None)
    return "" if first is None else str(record.stages[f"search:{first}"].facts.get("architecture", ""))


def _maps(variant: Variant, folder: RunFolder, record: RunRecord, reporter: Reporter) -> list[str]:
    """Return a figure of feature maps per block of the network that a variant's first search chose."""
    context = Context(variant.recipe, folder, reporter)
    chosen = context.space.parse(_chosen(variant, record))
    return [maps_figure(*each) for each in feature_maps(context, chosen)]


def _stitched(variant: Variant, folder: RunFolder) -> Ranked | None:
    """Return how the first kind of score ranks a variant's stitched networks; None without that check."""
    values = read_json(folder.stitching)
    with understanding(folder.stitching):
        if not values["agreement"]:
            return None
        return Ranked.stitched(values["agreement"], variant.recipe.rating.scores[0], len(values["architectures"]))
