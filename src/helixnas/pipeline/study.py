"""A study: variants of one recipe, each an ordinary run, and one table and one figure of how well they rank.

Variants lie in ``variants/LABEL`` and are made one after the other up to the search; a stage that an earlier variant has
made from the same settings is taken over. What is there is not done again, so a stopped study goes on where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from helixnas.artifacts import RunRecord
from helixnas.artifacts.files import read_json, understanding
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.errors import ArtifactError, HelixError
from helixnas.lab import load_benchmark
from helixnas.lab.ranking import require_members
from helixnas.nn import count_params
from helixnas.pipeline.dry_run import distill_text, sketch
from helixnas.pipeline.feature_maps import feature_maps
from helixnas.pipeline.plan import is_done, plan
from helixnas.pipeline.ranking import rank_run
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.session import Session, import_extensions
from helixnas.report import build_study_page
from helixnas.report.feature_maps import maps_figure
from helixnas.report.study import cells, head, verdicts
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
    _check_benchmark(study)
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


def _check_benchmark(study: StudyPlan) -> None:
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


def _stages(variant: Variant) -> dict[str, Any]:
    """Return the planned stages that a study goes through, by name."""
    return {each.name: each for each in plan(variant.recipe.to_dict()) if each.name.partition(":")[0] in STUDIED}


def _seconds(variant: Variant, record: RunRecord) -> float:
    return round(sum(record.stages[name].seconds for name in _stages(variant) if name in record.stages), 3)


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


def show_study_plan(study: StudyPlan, console: Console) -> None:
    """Print what a study would do, variant by variant, and what is done or shared; needs no data.

    Raises:
        HelixError: a variant cannot be built.
    """
    _check_benchmark(study)
    _say(console, f"{study.name}: {study.description} Base: {study.base}.")
    table = Table(title=f"variants, in {study.out / 'variants'}", title_justify="left")
    for column in ("variant", "settings", "networks", "supernet", "distill", "to do", "taken over"):
        table.add_column(column, overflow="fold")
    made: dict[str, str] = {}
    for variant in study.variants:
        recipe, folder = variant.recipe, study.folder(variant)
        drawn = sketch(recipe)
        record = folder.load_record() if folder.exists() else RunRecord(recipe=recipe.name)
        left = [each for each in _stages(variant).values() if not is_done(each, record, folder)]
        shared = [each.name for each in left if each.key in made]
        table.add_row(
            variant.label,
            changes_text(variant.changes),
            f"{drawn.space.size:,}",
            f"{count_params(drawn.supernet) / 1e6:.2f} M",
            distill_text(recipe.distill, recipe.expected_training_images),
            ", ".join(each.name for each in left if each.name not in shared) or "nothing",
            ", ".join(f"{name} from {made[_stages(variant)[name].key]}" for name in shared),
        )
        for each in _stages(variant).values():
            made.setdefault(each.key, variant.label)
    console.print(table)


def show_study(study: Study, plan_: StudyPlan, console: Console) -> None:
    """Print the table of a study, what it says, and where its files are."""
    table = Table(title=f"{study.name}: {study.description}", title_justify="left")
    for position, column in enumerate(head(study)):
        table.add_column(column, justify="left" if position < 2 else "right", overflow="fold")
    for row in cells(study):
        table.add_row(*row)
    console.print(table)
    for sentence in verdicts(study):
        _say(console, sentence)
    _say(console, f"figures: {plan_.figures}")
    _say(console, f"page: {plan_.page}")


def changes_text(changes: Mapping[str, Any]) -> str:
    """Return settings in a few words.

    >>> changes_text({"seed": 41, "space": {"join": {"name": "mine"}, "groups": [2, 1]}}), changes_text({})
    ('seed 41, space mine, joined by [2, 1]', 'as the base')
    """
    return ", ".join(f"{name} {_short(value)}" for name, value in changes.items()) or "as the base"


def _short(value: Any, most: int = 48) -> str:
    if isinstance(value, Mapping) and "join" in value:
        return f"{_short(value['join'])}, joined by {value.get('groups')}"
    text = str(value["name"] if isinstance(value, Mapping) and "name" in value else value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
