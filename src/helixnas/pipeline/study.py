"""A study: variants of one recipe, each an ordinary run, and one table and one figure of how well they rank.

Variants lie in ``variants/LABEL`` and are made one after the other up to the search; a stage that an earlier variant has
made from the same settings is taken over. What is there is not done again, so a stopped study goes on where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helixnas.artifacts import RunRecord
from helixnas.artifacts.files import read_json, understanding
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.errors import ArtifactError, HelixError
from helixnas.lab import load_benchmark
from helixnas.lab.ranking import require_members
from helixnas.pipeline.feature_maps import feature_maps
from helixnas.pipeline.plan import PlannedStage, plan
from helixnas.pipeline.ranking import rank_run
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.session import Session, import_extensions
from helixnas.report import build_study_page
from helixnas.report.lab.feature_maps import maps_figure
from helixnas.space import load_space

STUDIED = ("teacher", "costs", "distill", "rate", "stitch", "search")
"""Kinds of stages that a variant goes through."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One variant of a study."""

    label: str
    """What it is called in table and figure; the name of its folder."""

    changes: Mapping[str, Any]
    """The settings that make it, by dotted name."""

    recipe: Recipe
    """All its settings."""


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """What a study is to do."""

    name: str
    description: str
    base: str
    """Name of the recipe that the variants are of."""

    axis: str
    """What the variants differ in, in a word or two."""

    ordered: bool
    """Whether the variants are steps of one quantity, in order."""

    variants: tuple[Variant, ...]
    out: Path
    """The study's folder."""

    feature_maps: bool = False
    """Whether the page shows the feature maps of what each variant chose."""

    benchmark: Path | None = None
    """Trained networks to rank every variant against."""

    def folder(self, variant: Variant) -> RunFolder:
        """Return the run of a variant."""
        return RunFolder(self.out / "variants" / variant.label)

    @property
    def figures(self) -> Path:
        """The file of all figures."""
        return self.out / "study.json"

    @property
    def page(self) -> Path:
        """The page that shows them."""
        return self.out / "study.html"


def run_study(study: StudyPlan, reporter: Reporter, *, redo: bool = False) -> Study:
    """Run every variant up to its search and write figures and page.

    Args:
        study: what to do.
        reporter: what to tell and show.
        redo: whether runs of another recipe in the variants' folders may be replaced.

    Raises:
        HelixError: a variant cannot be made, or its networks are not those of the benchmark.
        Interrupted: asked to stop; what is done is saved.
    """
    check_benchmark(study)
    rows: list[StudyRow] = []
    done: list[RunFolder] = []
    maps: dict[str, list[str]] = {}
    name = ""
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
                seconds=_seconds(variant, record),
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
    """Raise, before hours of work, where a variant's networks are not those of the benchmark."""
    if study.benchmark is None:
        return
    trained = load_benchmark(study.benchmark)
    for variant in study.variants:
        import_extensions(variant.recipe)
        space = load_space(variant.recipe.space)
        try:
            require_members(trained.as_in(space), space)
        except HelixError as error:
            raise ArtifactError(f"variant {variant.label} cannot be ranked: {error}") from error


def stages_of(variant: Variant) -> dict[str, PlannedStage]:
    """Return the planned stages that a study goes through, by name."""
    return {each.name: each for each in plan(variant.recipe.to_dict()) if each.name.partition(":")[0] in STUDIED}


def _seconds(variant: Variant, record: RunRecord) -> float:
    return round(sum(record.stages[name].seconds for name in stages_of(variant) if name in record.stages), 3)


def _chosen(variant: Variant, record: RunRecord) -> str:
    first = next(iter(variant.recipe.searches), None)
    return "" if first is None else str(record.stages[f"search:{first}"].facts.get("architecture", ""))


def _maps(variant: Variant, folder: RunFolder, record: RunRecord, reporter: Reporter) -> list[str]:
    """Return a figure of feature maps for every block of the network that a variant's first search chose."""
    session = Session(variant.recipe, folder, reporter)
    chosen = session.space.parse(_chosen(variant, record))
    return [maps_figure(*each) for each in feature_maps(session, chosen)]


def _stitched(variant: Variant, folder: RunFolder) -> Ranked | None:
    """Return how the first kind of score ranks a variant's stitched networks; None where there is no such check."""
    values = read_json(folder.stitching)
    with understanding(folder.stitching):
        if not values["agreement"]:
            return None
        return Ranked.stitched(values["agreement"], variant.recipe.rating.scores[0], len(values["architectures"]))
