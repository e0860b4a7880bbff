"""Plan of a study: its variants, each a recipe with a folder; without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.pipeline.plan import PlannedStage, plan
from helixnas.pipeline.recipe import Recipe

STUDIED = ("teacher", "costs", "proxies", "distill", "rate", "stitch", "search")
"""Kinds of stages that a variant goes through."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One variant of a study."""

    label: str
    """Name in table and figure, and of its folder."""

    changes: Mapping[str, Any]
    """Settings that differ from the base, by dotted name."""

    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """The variants of a study and its output."""

    name: str
    description: str
    base: str
    """Name of the recipe that the variants change."""

    axis: str
    """The difference between the variants, in a word or two."""

    ordered: bool
    """Whether the variants are steps of one quantity, in order."""

    variants: tuple[Variant, ...]
    out: Path
    feature_maps: bool = False
    """Whether the page shows feature maps of the network that each variant chose."""

    benchmark: Path | None = None
    """Trained networks to rank every variant against."""

    def place(self, variant: Variant) -> Path:
        """Return the folder of a variant: of its run, or of its generations."""
        return self.out / "variants" / variant.label

    def folder(self, variant: Variant) -> RunFolder:
        """Return the run of a variant, the first of its generations if there are several."""
        place = self.place(variant)
        return RunFolder(place) if variant.recipe.generations is None else LineageFolder(place).run(1)

    @property
    def figures(self) -> Path:
        """The file of all figures."""
        return self.out / "study.json"

    @property
    def page(self) -> Path:
        """The page that shows them."""
        return self.out / "study.html"


def stages_of(recipe: Recipe) -> dict[str, PlannedStage]:
    """Return the planned stages of a run that a study goes through, by name."""
    return {each.name: each for each in plan(recipe.to_dict()) if each.stage.name in STUDIED}
