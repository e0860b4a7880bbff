"""Context: the data and networks that the stages of a run share, each opened once, on first use."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from helixnas.artifacts.files import damaged
from helixnas.artifacts.run_folder import RunFolder
from helixnas.data import DataSplits, ImageSet, open_data
from helixnas.data.classes import match_classes
from helixnas.distill import build_heads
from helixnas.engine import Runtime, Stopwatch
from helixnas.engine.fit import require_optimizer
from helixnas.engine.progress import Reporter
from helixnas.errors import DataError
from helixnas.nn import BlockHeads, load_saved_weights, not_finite
from helixnas.nn.class_names import known_classes
from helixnas.nn.extensions import import_modules
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.spread import Spread
from helixnas.space import SearchSpace, check_image_size
from helixnas.space.slicing import require_sliceable
from helixnas.supernet import Supernet, begin_from_teacher, build_supernet, order_by_importance, require_same_layers
from helixnas.teacher import Teacher, build_teacher, input_size_of, load_feature_statistics, load_teacher


class Context:
    """The recipe, folder, data and networks that the stages of one run share; `watch` times the current stage.

    With a `spread`, other processes do the parts of stages that can be divided.
    """

    def __init__(self, recipe: Recipe, folder: RunFolder, reporter: Reporter, *, spread: Spread | None = None) -> None:
        self.recipe = recipe
        self.folder = folder
        self.reporter = reporter
        self.spread = spread
        self.watch = Stopwatch()
        self.told_threads = False
        import_extensions(recipe)

    @property
    def num_threads(self) -> int:
        """CPU threads of torch."""
        return self.recipe.runtime.num_threads or torch.get_num_threads()

    @cached_property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.recipe.search_space

    @cached_property
    def runtime(self) -> Runtime:
        """Device and precision; reports them if the recipe leaves the precision open."""
        runtime = Runtime(self.recipe.runtime)
        if self.recipe.runtime.precision == "auto":
            self.reporter.say(f"computing in {runtime.precision} on {runtime.device}")
        return runtime

    @cached_property
    def image_size(self) -> int:
        """Side of the square input in pixels: the recipe's, else the teacher's own."""
        return image_size(self.recipe)

    @cached_property
    def data(self) -> DataSplits:
        """The images, opened and split."""
        with self.reporter.progress("decoding images", 1) as advance:
            return open_data(
                self.recipe.data,
                image_size=self.image_size,
                seed=self.recipe.seed,
                progress=lambda done, total: advance(done, total=total),
            )

    def new_teacher(self) -> Teacher:
        """Return the teacher with the recipe's weights, or untrained if it names none."""
        teacher = build_teacher(
            self.recipe.built_teacher,
            strides=self.space.strides,
            num_classes=self.data.num_classes or 1000,
            input_size=(self.image_size, self.image_size),
            seed=self.recipe.seed,
            frozen=bool(self.recipe.teacher.weights),
        )
        if self.recipe.supernet.init == "teacher":
            fitting_teacher(self.recipe, teacher)
        return self.runtime.place(teacher)

    def load_teacher(self) -> Teacher:
        """Return the frozen teacher of the run folder, its features not standardised."""
        return self.runtime.place(load_teacher(self.folder.teacher))

    def load_learner(self) -> Teacher:
        """Return the teacher of the run folder, ready to learn block by block (DNA++), ordered as the supernet begins."""
        teacher = load_teacher(self.folder.teacher, learns=True)
        if self.recipe.supernet.init == "teacher":
            order_by_importance(fitting_teacher(self.recipe, teacher))
        return self.runtime.place(teacher)

    @cached_property
    def teacher(self) -> Teacher:
        """The frozen teacher of rating: as it learned (DNA++), or features scaled, and ordered, as the supernet learns them."""
        if self.recipe.distill.is_self_supervised:
            return self.runtime.place(load_teacher(self.folder.learned_teacher))
        teacher = self.load_teacher()
        if self.recipe.supernet.init == "teacher":
            order_by_importance(fitting_teacher(self.recipe, teacher))
        if self.recipe.distill.features == "standardized":
            teacher.standardize(load_feature_statistics(self.folder.teacher, teacher.widths))
        return self.runtime.place(teacher)

    def new_supernet(self, teacher: Teacher | None = None) -> Supernet:
        """Return the supernet with its initial weights, for the teacher of rating or one with the same boundaries."""
        teacher = teacher or self.teacher
        supernet = build_supernet(
            self.space,
            teacher.widths,
            config=self.recipe.supernet,
            seed=self.recipe.seed,
            teacher_grids=teacher.feature_sizes,
            input_size=teacher.input_size,
        )
        if self.recipe.supernet.init == "teacher":
            begin_from_teacher(supernet, fitting_teacher(self.recipe, teacher), teacher.boundaries)
        return self.runtime.place(supernet)

    @cached_property
    def supernet(self) -> Supernet:
        """The distilled supernet from the run folder."""
        return self.supernet_at(0)

    def supernet_at(self, moment: int) -> Supernet:
        """Return the supernet as it was at an earlier moment, counted back from the end (0)."""
        supernet = self.new_supernet()
        for block in supernet:
            load_module(block, self.folder.supernet_block(block.number, moment))
        return supernet

    @cached_property
    def heads(self) -> dict[int, BlockHeads]:
        """The trained projection heads by number of the block (DNA++); empty with a teacher that does not learn."""
        found: dict[int, BlockHeads] = {}
        config, seed = self.recipe.distill, self.recipe.seed
        for number, width in enumerate(self.teacher.widths, start=1):
            if config.is_self_supervised:
                heads = build_heads(width, number, config=config.projector, seed=seed)
                load_module(heads, self.folder.supernet_heads(number))
                found[number] = self.runtime.place(heads).eval()
        return found

    @property
    def num_classes(self) -> int:
        """Outputs of the searched network: the data's classes, else the teacher's."""
        if self.data.num_classes:
            return self.data.num_classes
        return (self.load_teacher() if self.recipe.distill.is_self_supervised else self.teacher).num_classes

    def forget(self) -> None:
        """Drop teacher and supernet, so that the next stage reads them from the folder."""
        for name in ("teacher", "supernet", "heads"):
            self.__dict__.pop(name, None)


def load_module(module: nn.Module, path: Path) -> None:
    """Read the weights of a part of the supernet; raises `ArtifactError` if the file is missing or damaged."""
    weights = load_saved_weights(path)
    if wrong := not_finite(weights, module.state_dict()):
        raise damaged(path, ValueError(f"it holds {wrong}"))
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise damaged(path, error) from error


def fitting_teacher(recipe: Recipe, teacher: Teacher) -> VisionTransformer:
    """Return the teacher's network, whose layers slimmable cells can begin with.

    Raises `TeacherError` if they are not those of the largest path of the recipe's space.
    """
    return require_same_layers(recipe.search_space, teacher.model, teacher.boundaries)


def labelled_for(teacher: Teacher, images: ImageSet) -> ImageSet:
    """Return images with the labels of the teacher's classes, matched by name; without labels if it has other classes."""
    if images.labels is None:
        return images
    try:
        return match_classes(images, known_classes(teacher.model, images.class_names), teacher.num_classes, name="it")[
            0
        ]
    except DataError:
        return replace(images, all_labels=None, class_names=())


def image_size(recipe: Recipe) -> int:
    """Return the side of the square input in pixels: the recipe's, else the teacher's own.

    Raises `SpaceError` if networks of the space cannot take images of this size.
    """
    side = recipe.data.image_size or input_size_of(recipe.built_teacher)
    check_image_size(recipe.search_space, side)
    return side


def import_extensions(recipe: Recipe) -> None:
    """Import a recipe's modules, which register operations and networks; check its optimizers and, if shared, its cells."""
    import_modules(recipe.imports)
    if recipe.supernet.slimmable:
        require_sliceable(recipe.search_space)
    for fit in (recipe.teacher_fit, *(() if recipe.retrain is None else (recipe.retrain.fit,))):
        require_optimizer(fit.optimizer)
