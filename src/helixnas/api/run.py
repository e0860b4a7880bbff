"""Run and Found: the stages of a run as methods, and the network that a search found."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from helixnas.api.arguments import Say, as_count, as_number, as_path, as_reporter, as_text
from helixnas.artifacts.files import read_text, write_text
from helixnas.artifacts.front import Front
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.artifacts.search_record import SearchRecord
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.models.exporting import Export, export
from helixnas.models.opening import OpenedModel, open_model
from helixnas.pipeline.ad_hoc.inherited import open_inherited
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage
from helixnas.pipeline.work.retrain import inherited_network, new_network
from helixnas.pipeline.work.search import ARCHITECTURE, FRONT, RESULT
from helixnas.report import build_report
from helixnas.retrain import load_model
from helixnas.search.config import SearchConfig
from helixnas.settings import build
from helixnas.space import Architecture

Init = Literal["scratch", "inherited"]
WEIGHTS = ("retrained", "inherited", "none")
FORMATS = {".onnx": "onnx", ".pt2": "pt2", "": "timm"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run from Python: one method per stage, each of which skips what is done already.

    Stages need those before them. All errors are `HelixError`.
    """

    recipe: Recipe
    folder: RunFolder
    reporter: Reporter = field(default_factory=Reporter)

    @staticmethod
    def of(settings: Mapping[str, Any], out: str | Path, say: Say = "console") -> "Run":
        """Return the run of a recipe's settings, as plain values, in the folder `out`; `say` as of `search_architecture`.

        >>> Run.of({"data": {"name": "digits"}, "distill": {"lr": 0.25}}, "runs/mine").recipe.distill.lr
        0.25
        """
        folder = RunFolder(as_path(out, "out"))
        return Run(
            recipe=build(Recipe, settings, where="the settings"),
            folder=folder,
            reporter=as_reporter(say, folder.tensorboard),
        )

    def until(self, stage: str) -> RunRecord:
        """Do every stage up to and including this one: one of `helixnas.pipeline.stages.verbs()`, or report."""
        return run_recipe(self.recipe, self.folder, self.reporter, until=as_text(stage, "stage", "search"))

    def teacher(self) -> RunRecord:
        """Build the teacher, train it if it has no weights, and measure it."""
        return self.until("teacher")

    def distill(self, *blocks: int) -> RunRecord:
        """Train the supernet on the teacher's features, or only these blocks of it, numbered from 1, as a job of its own."""
        numbers = tuple(as_count(block, "a block") for block in blocks)
        self.teacher()
        return self._do("distill", blocks=numbers)

    def rate(self) -> RunRecord:
        """Rate every path of every block."""
        return self._do("rate")

    def search(
        self,
        name: str | None = None,
        *,
        max: Mapping[str, Any] | None = None,
        min: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> "Found":
        """Return the best network under limits, or that of a search of the recipe (its first) if none are given.

        `settings` are further ones of a search: weights, scores, front, resolution, time_limit_s. Raises `ConfigError` if
        neither names a search.
        """
        if name is not None:
            as_text(name, "name", "small")
        if max is None and min is None and not settings:
            chosen = name or next(iter(self.recipe.searches), None)
            if chosen is None:
                raise ConfigError("the recipe has no searches; give max, for example max={'macs': '40%'}")
            self._do("search", name=chosen)
            return Found(run=self, name=chosen)
        given = {"max": max or {}, "min": min or {}, **settings}
        limits = build(SearchConfig, given, where="the search")
        ((chosen, _),) = search_run(self.folder, name, limits)
        return Found(run=self, name=chosen)

    def retrain(self, name: str, *, init: Init | None = None) -> RunRecord:
        """Train the winner of a search, from scratch or from the supernet's weights; by default as the recipe says."""
        recipe, name = self.recipe, as_text(name, "name", "small")
        if init is not None and recipe.retrain is not None:
            recipe = replace(recipe, retrain=replace(recipe.retrain, init=init))
        return run_stage(recipe, self.folder, self.reporter, verb="retrain", name=name)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report of the run, and return its path; `path` is where a copy goes."""
        page = build_report(self.folder.path)
        if path is None:
            return page
        copy = as_path(path, "path")
        write_text(copy, read_text(page))
        return copy

    def _do(self, verb: str, *, name: str | None = None, blocks: tuple[int, ...] = ()) -> RunRecord:
        return run_stage(self.recipe, self.folder, self.reporter, verb=verb, name=name, blocks=blocks)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The network that a search found, with the front around it."""

    run: Run
    name: str
    """Name of the search."""

    @property
    def record(self) -> SearchRecord:
        """Score, costs, limits and proof of the search."""
        return SearchRecord.load(self.run.folder.search(self.name) / RESULT)

    @property
    def architecture(self) -> Architecture:
        """The network, as a value."""
        return Architecture.from_json(read_text(self.run.folder.search(self.name) / ARCHITECTURE))

    @property
    def costs(self) -> Mapping[str, int]:
        """Its parameters, multiply-adds and further resources."""
        return self.record.costs

    @property
    def front(self) -> Front:
        """The best networks at every cost; `front.to_pandas()` is a table."""
        return Front.load(self.run.folder.search(self.name) / FRONT)

    def search(self, name: str | None = None, **limits: Any) -> "Found":
        """Search under other limits, which takes no training; arguments are those of `Run.search`."""
        return self.run.search(name, **limits)

    def retrain(self, *, init: Init | None = None) -> "Found":
        """Train the network, from scratch or from the supernet's weights, and return this result."""
        self.run.retrain(self.name, init=init)
        return self

    def model(self, num_classes: int | None = None, *, weights: str = "retrained") -> nn.Module:
        """Return the network as a timm model, in eval mode.

        Args:
            num_classes: outputs; another number than the trained model's gives a new classifier with random weights.
            weights: retrained, those of its training in the run; inherited, fine-tuned in the run or else as the supernet has
                them (batch norms measured, classifier random); none, random.

        Raises:
            UnknownNameError: there are no such weights.
            ArtifactError: the network is not retrained yet.
            ConfigError: the weights of this supernet cannot be inherited, or `num_classes` is no number.
        """
        if weights not in WEIGHTS:
            raise UnknownNameError("weights", weights, WEIGHTS)
        wanted = None if num_classes is None else as_count(num_classes, "num_classes")
        model = self._model(weights)
        if wanted not in (None, model.num_classes):
            model.reset_classifier(wanted)
        return model.cpu().eval()

    def _model(self, weights: str) -> Any:
        folder = self.run.folder
        if weights == "retrained":
            trained = folder.model(self.name)
            if trained is None:
                raise ArtifactError(
                    f"the network of search {self.name} is not retrained yet; call retrain() first, or give weights='inherited'"
                )
            return load_model(trained)
        if weights == "inherited" and (folder.inherited(self.name) / "model.safetensors").is_file():
            return load_model(folder.inherited(self.name))
        context = Context(self.run.recipe, folder, self.run.reporter)
        return inherited_network(context, self.name) if weights == "inherited" else new_network(context, self.name)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report of the run; see `Run.report`."""
        return self.run.report(path)

    def export(self, path: str | Path, *, weights: str = "retrained", tolerance: float = 1e-4) -> Export:
        """Write the network to a file for another runtime and compare its outputs with PyTorch's on images of the run.

        The suffix decides the format: .onnx, .pt2, or none for a folder of timm. Weights are those of `model`; the run reports
        where they are not trained ones. Errors are those of `helixnas.models.exporting.export` and of `model`.
        """
        path = as_path(path, "path")
        if path.suffix not in FORMATS:
            raise UnknownNameError("format of", path.name, [f"NAME{suffix}" for suffix in FORMATS])
        opened = self._opened(weights)
        if opened.weights:
            self.run.reporter.say(f"weights: {opened.weights}")
        largest = as_number(tolerance, "tolerance")
        data = Context(self.run.recipe, self.run.folder, self.run.reporter).data
        images = data.rating if data.evaluation is None else data.evaluation
        return export(opened, images, format=FORMATS[path.suffix], path=path, tolerance=largest)

    def _opened(self, weights: str) -> OpenedModel:
        """Return the network with its origin in the run, as the command line opens it."""
        folder = self.run.folder
        if weights == "inherited":
            return open_inherited(Context(self.run.recipe, folder, self.run.reporter), self.name)
        if weights == "retrained" and folder.model(self.name) is not None:
            return open_model(str(folder.path), name=self.name)
        return OpenedModel(
            model=self.model(weights=weights),
            name=f"{folder.path.name}-{self.name}",
            trained=False,
            weights="none (random)",
            run=folder,
            search=self.name,
        )
