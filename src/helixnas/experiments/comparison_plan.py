"""Plan of a comparison: the winner of a search, and the networks of its size that are trained as it is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from helixnas.artifacts import CostTable, config_key
from helixnas.artifacts.files import read_text
from helixnas.artifacts.peers.record import Peer, PeerComparison
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.costs.config import CostsConfig
from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError, DataError
from helixnas.experiments.benchmark_plan import WITH_A_RUN, settings_of_images
from helixnas.pipeline.context import image_size, import_extensions
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.search import ARCHITECTURE, RESULT
from helixnas.rating.stitching import sample_distinct
from helixnas.retrain import RetrainConfig
from helixnas.space import Architecture
from helixnas.zoo.widths import SizedModel, as_it_is, scale_width

RANDOM_STREAM = 33
"""Seeds the choice of random networks together with the recipe's seed."""

SHORT = 10
"""Epochs of a training where their number is not given, at most."""

TEACHER = "teacher"
"""Names the run's teacher among the models to compare with."""

Build = Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network to train: what describes it in the file, and how it is built."""

    name: str
    kind: Literal["winner", "model", "teacher", "random"]
    network: str
    note: str
    params: int
    macs: int
    identity: Mapping[str, Any]
    """What tells it apart from other networks, as plain values."""

    architecture: Architecture | None = None
    model: SizedModel | None = None
    """Of a timm model, in place of `architecture`."""

    def peer(self, key: str) -> Peer:
        """Return it before its first training."""
        return Peer(
            name=self.name,
            kind=self.kind,
            network=self.network,
            note=self.note,
            key=key,
            params=self.params,
            macs=self.macs,
            latency_ns=None,
            right=(),
            seconds=(),
            accuracy=None,
            difference=None,
        )


@dataclass(frozen=True, kw_only=True)
class ComparisonPlan:
    """A comparison of one search's winner. Build it by `plan_comparison`, which checks and shortens the settings.

    Raises:
        ArtifactError: the search has no result.
        ConfigError: the budget is the limit of the search, and the search has none; or there is nothing to compare with.
    """

    recipe: Recipe
    """The settings of the run, with those of the trainings in `retrain`."""

    folder: RunFolder
    search: str
    models: tuple[str, ...] = ()
    """Names of timm models to scale to the budget, or `TEACHER`; ``NAME@96`` for images enlarged to 96 pixels."""

    num_random: int = 3
    num_trainings: int = 1
    """Trainings of each network, with consecutive seeds."""

    budget: Literal["winner", "limit"] = "winner"
    tolerance: float = 0.03
    """Relative difference from the budget within which random networks are drawn."""

    latency: CostsConfig | None = None
    """How latency is measured; None to leave it out."""

    def __post_init__(self) -> None:
        if not self.models and not self.num_random:
            raise ConfigError(
                "there is nothing to compare the winner with; give --with MODEL, or --random of at least 1"
            )

    @property
    def file(self) -> Path:
        """Where the comparison is written."""
        return self.folder.peers(self.search)

    @property
    def job(self) -> str:
        """Name of the comparison's lock and checkpoints."""
        return f"compare-{self.search}"

    @cached_property
    def costs(self) -> CostTable:
        """Counted costs of all paths of the run's space."""
        return CostTable.load(self.folder.costs)

    @cached_property
    def found(self) -> SearchRecord:
        """Result of the search."""
        return SearchRecord.load(self.folder.search(self.search) / RESULT)

    @cached_property
    def winner(self) -> Architecture:
        """The winner of the search."""
        return Architecture.from_json(read_text(self.folder.search(self.search) / ARCHITECTURE))

    @cached_property
    def macs(self) -> int:
        """The budget: multiply-adds of one image."""
        if self.budget == "winner":
            return self.costs.of(self.winner)["macs"]
        limit = self.found.upper.get("macs")
        if limit is None:
            raise ConfigError(
                f"--budget is limit, but the search {self.search} does not limit macs; leave it out to scale to the winner's"
            )
        return limit

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The networks: the winner, the named models, and random networks; fewer of these where the space has no more.

        Raises:
            UnknownNameError: timm has no such model.
            ConfigError: a model cannot be built, or does not take images of this size; or images would not be enlarged.
        """
        winner = self._of_space("winner", "winner", self.winner)
        random = [self._of_space(f"random {n}", "random", one) for n, one in enumerate(self._drawn(), start=1)]
        return (winner, *map(self._named, dict.fromkeys(self.models)), *random)

    def _drawn(self) -> list[Architecture]:
        """Return different networks of the space near the budget, drawn uniformly; more of them begin with the same ones."""
        rng, reach = np.random.default_rng((self.recipe.seed, RANDOM_STREAM)), self.tolerance * self.macs

        def accept(one: Architecture) -> bool:
            return one != self.winner and abs(self.costs.of(one)["macs"] - self.macs) <= reach

        return sample_distinct(self.recipe.search_space, self.num_random, rng, accept=accept)

    def _of_space(self, name: str, kind: Literal["winner", "random"], one: Architecture) -> Candidate:
        costs = self.costs.of(one)
        return Candidate(
            name=name,
            kind=kind,
            network=one.text,
            note="",
            params=costs["params"],
            macs=costs["macs"],
            identity={"architecture": one.to_dict()},
            architecture=one,
        )

    def _named(self, name: str) -> Candidate:
        size, num_classes = image_size(self.recipe), int(self.costs.facts["num_classes"])
        if name == TEACHER:
            teacher = self.recipe.built_teacher
            model = as_it_is(teacher.model, {**teacher.model_args, "num_classes": num_classes}, image_size=size)
        else:
            model = self._scaled(name, size, num_classes)
        note = self._note(model, is_teacher=name == TEACHER)
        return Candidate(
            name=name,
            kind="teacher" if name == TEACHER else "model",
            network=f"{model.name}{'' if model.multiplier is None else f' of {model.multiplier:.3g} x width'}",
            note=note,
            params=model.params,
            macs=model.macs,
            identity={
                "model": model.name,
                "width": model.multiplier,
                "arguments": dict(model.arguments),
                **({} if model.enlarged_to is None else {"enlarged_to": model.enlarged_to}),
            },
            model=model,
        )

    def _scaled(self, name: str, size: int, num_classes: int) -> SizedModel:
        """Return a timm model scaled to the budget, for images of `size` pixels or enlarged to those that the name asks for."""
        asked = re.fullmatch(r"(.+)@(\d+)", name)
        if asked is None:
            return scale_width(name, macs=self.macs, image_size=size, num_classes=num_classes)
        model, enlarged_to = asked[1], int(asked[2])
        if model == TEACHER:
            raise ConfigError(f"{name}: the teacher is compared at the size of the run's images; give --with {TEACHER}")
        if enlarged_to <= size:
            raise ConfigError(
                f"{name}: images of this run have {size} pixels already; give more, or leave @{enlarged_to} out"
            )
        found = scale_width(model, macs=self.macs, image_size=enlarged_to, num_classes=num_classes)
        return replace(found, enlarged_to=enlarged_to)

    def _note(self, model: SizedModel, *, is_teacher: bool) -> str:
        """Return how a model was brought to the budget, and how far from it is what lies beyond the tolerance."""
        note = "not scaled" if is_teacher else "width cannot be scaled"
        if model.multiplier is not None:
            note = f"width x {model.multiplier:.3g}{', the narrowest' if model.is_narrowest else ''}"
        if model.enlarged_to is not None:
            note += f", images enlarged to {model.enlarged_to} pixels"
        off = model.macs / self.macs
        if abs(off - 1) > self.tolerance:
            note += f", {off:.3g} x the multiply-adds" if off > 2 else f", {100 * (off - 1):+.0f} % multiply-adds"
        return note

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings that all trainings share, as plain values."""
        values = self.recipe.to_dict()["retrain"]
        retrain = {name: value for name, value in values.items() if name not in WITH_A_RUN}
        return {**settings_of_images(self.recipe), "retrain": retrain}

    def key(self, candidate: Candidate) -> str:
        """Return the hash of everything that the trainings of a network depend on, but the seed."""
        return config_key(self.settings, config_key(candidate.identity))

    def fewer(self) -> str:
        """Return in words that the space has too few networks near the budget; empty if there are as many as wanted."""
        number = sum(candidate.kind == "random" for candidate in self.candidates)
        if number >= self.num_random:
            return ""
        return (
            f"{number} of {self.num_random} random networks: among {1000 * self.num_random:,} draws there were no others within "
            f"{100 * self.tolerance:g} % of {self.macs:,} multiply-adds; --tolerance widens the range"
        )

    def left(self, peers: Mapping[str, Peer]) -> list[tuple[int, int]]:
        """Return the trainings to do as (network, training): every network once, then every network again."""
        return [
            (number, training)
            for training in range(self.num_trainings)
            for number, one in enumerate(self.candidates)
            if one.name not in peers or len(peers[one.name].right) <= training
        ]

    def earlier(self) -> PeerComparison | None:
        """Return the comparison in the file, whatever its settings; None if there is none."""
        return PeerComparison.load(self.file) if self.file.is_file() else None


def plan_comparison(
    recipe: Recipe, folder: RunFolder, search: str | None, *, num_epochs: int | None = None, **others: Any
) -> ComparisonPlan:
    """Return the plan of a comparison in a run; `others` are fields of `ComparisonPlan`.

    Networks are trained with the recipe's settings of retraining, without its teacher, for `num_epochs`, or as many as the
    recipe says, but at most `SHORT`. The search may be left out if the run has one only.

    Raises:
        DataError: the run has no labels.
        UnknownNameError: the run has no such search.
        ArtifactError: no search is finished.
        ConfigError: there are several searches and none is named.
    """
    import_extensions(recipe)
    if not recipe.data.labels:
        raise DataError(
            "a comparison trains networks from labels, but data.labels of this run is false; it needs a run on labelled images"
        )
    base = recipe.retrain or RetrainConfig()
    chosen = min(SHORT, base.fit.num_epochs) if num_epochs is None else num_epochs
    retrain = replace(base, teach="none", init="scratch", fit=shortened(base.fit, chosen))
    return ComparisonPlan(
        recipe=replace(recipe, retrain=retrain), folder=folder, search=folder.chosen_search(search), **others
    )


def shortened(fit: FitConfig, num_epochs: int) -> FitConfig:
    """Return the settings of a training of so many epochs, its warm-up and decay in proportion.

    >>> shortened(FitConfig(num_epochs=30, warmup_epochs=3.0), 10).warmup_epochs
    1.0
    """
    share = num_epochs / fit.num_epochs
    return replace(
        fit,
        num_epochs=num_epochs,
        warmup_epochs=share * fit.warmup_epochs,
        decay_epochs=share * fit.decay_epochs,
    )
