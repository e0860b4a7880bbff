"""Session: a recipe at work in a run folder; opens what a stage needs when it first needs it, and only once."""

import importlib
from collections.abc import Iterable
from functools import cached_property

from safetensors import SafetensorError
from safetensors.torch import load_file

from helixnas.artifacts import RatingTable
from helixnas.artifacts.files import damaged
from helixnas.data import DataSplits, open_data
from helixnas.engine import Runtime, Stopwatch
from helixnas.errors import ConfigError
from helixnas.pipeline.cost_files import load_costs
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run_folder import RunFolder
from helixnas.search import Tables
from helixnas.space import SearchSpace, load_space
from helixnas.supernet import Supernet, build_supernet
from helixnas.teacher import Teacher, build_teacher, input_size_of, load_feature_statistics, load_teacher


class Session:
    """What the stages of one run share.

    Attributes:
        watch: counts the time of the stage in hand.

    Args:
        recipe: all settings.
        folder: where the run lies.
        reporter: what to tell and show.
    """

    def __init__(self, recipe: Recipe, folder: RunFolder, reporter: Reporter) -> None:
        self.recipe = recipe
        self.folder = folder
        self.reporter = reporter
        self.watch = Stopwatch()
        import_extensions(recipe)

    @cached_property
    def space(self) -> SearchSpace:
        """The search space."""
        return load_space(self.recipe.space)

    @cached_property
    def runtime(self) -> Runtime:
        """Device and precision; says which were chosen where the recipe leaves the precision open."""
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
        """Return the teacher as the recipe describes it: with its weights, or untrained where it names none."""
        return self.runtime.place(
            build_teacher(
                self.recipe.built_teacher,
                strides=self.space.strides,
                num_classes=self.data.num_classes or 1000,
                input_size=(self.image_size, self.image_size),
                seed=self.recipe.seed,
                frozen=bool(self.recipe.teacher.weights),
            )
        )

    def load_teacher(self) -> Teacher:
        """Read the finished teacher, frozen, from the run folder; its features are in its own units."""
        return self.runtime.place(load_teacher(self.folder.teacher))

    @cached_property
    def teacher(self) -> Teacher:
        """The finished teacher, frozen, its features in the units that the supernet learns."""
        teacher = self.load_teacher()
        if self.recipe.distill.features == "standardized":
            teacher.standardize(load_feature_statistics(self.folder.teacher, teacher.widths))
        return self.runtime.place(teacher)

    def new_supernet(self) -> Supernet:
        """Return the supernet with its first weights."""
        supernet = build_supernet(self.space, self.teacher.widths, config=self.recipe.supernet, seed=self.recipe.seed)
        return self.runtime.place(supernet)

    @cached_property
    def supernet(self) -> Supernet:
        """The distilled supernet from the run folder."""
        supernet = self.new_supernet()
        for block in supernet:
            path = self.folder.supernet_block(block.number)
            try:
                block.load_state_dict(load_file(path))
            except (SafetensorError, OSError, RuntimeError) as error:
                raise damaged(path, error) from error
        return supernet

    @cached_property
    def tables(self) -> Tables:
        """Ratings and costs from the run folder, checked against each other."""
        ratings = tuple(RatingTable.load(self.folder.rating(k)) for k in range(1, len(self.space.blocks) + 1))
        return Tables(ratings=ratings, costs=load_costs(self.folder, self.folder.load_record()))

    @property
    def num_classes(self) -> int:
        """Outputs of the searched network: the data's classes, else the teacher's."""
        return self.data.num_classes or self.teacher.num_classes

    def forget(self) -> None:
        """Drop what a stage has changed in the folder, so that the next one reads it anew."""
        for name in ("teacher", "supernet", "tables"):
            self.__dict__.pop(name, None)


def image_size(recipe: Recipe) -> int:
    """Return the side of the square input in pixels: the recipe's, else the teacher's own."""
    return recipe.data.image_size or input_size_of(recipe.built_teacher)


def import_extensions(recipe: Recipe) -> None:
    """Import the modules that a recipe names, so that they register their operations and networks."""
    import_modules(recipe.imports)


def import_modules(names: Iterable[str]) -> None:
    """Import modules by name; raises `ConfigError` where one cannot be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: {error}") from error
