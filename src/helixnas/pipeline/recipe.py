"""Recipe: every setting of a run in one frozen value, read from YAML."""

from collections.abc import Mapping
from dataclasses import asdict, field, replace
from functools import cached_property
from typing import Annotated, Any

from helixnas.calibration.config import CALIBRATED, CalibrationConfig
from helixnas.costs.config import LIMITABLE, CostsConfig
from helixnas.data.config import TWO_VIEW, DataConfig
from helixnas.distill.config import SANDWICH_NEEDS_SLICES, DistillConfig
from helixnas.engine.config import FitConfig, RuntimeConfig
from helixnas.errors import ConfigError, HelixError, UnknownNameError
from helixnas.pipeline.generations_config import GenerationsConfig
from helixnas.proxies.config import NEED_LABELS, PROXIES, ProxiesConfig
from helixnas.rating.config import EMBEDDING_DISTANCE, RELATIVE_L1, RatingConfig, StitchingConfig
from helixnas.retrain.config import RetrainConfig
from helixnas.search.amounts import parse_limits
from helixnas.search.config import SearchConfig, check_search_name
from helixnas.settings import Ge, Lt, Unit, settings
from helixnas.space import HELIXNAS, SearchSpace, load_space, space_to_dict
from helixnas.supernet.config import SupernetConfig
from helixnas.teacher.config import TeacherConfig


@settings("")
class Recipe:
    """All settings of a run: teacher, images, space, budgets, and the settings of each stage."""

    name: str = "custom"
    """Name of the run."""

    description: str = ""
    """Purpose of the run, in a sentence."""

    seed: Annotated[int, Ge(0), Lt(2**63)] = 0
    """Seed of splits, image order, augmentation, initial weights and sampled paths."""

    imports: tuple[str, ...] = ()
    """Python modules to import first, by name or file (my_teacher.py), which may register operations or teacher networks."""

    expected_images: Annotated[int, Ge(0), Unit("images")] = 0
    """Size of the training set, to estimate steps in a dry run, which opens no data; 0 if unknown."""

    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    """Device and precision."""

    data: DataConfig = field(default_factory=DataConfig)
    """The images."""

    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """The teacher network, its weights, and where it is cut."""

    teacher_fit: FitConfig = field(default_factory=FitConfig)
    """Training of a teacher that has no weights."""

    space: str | dict[str, Any] = "mbconv"
    """The search space: mbconv (Table 1), macro, channel, vit, a YAML file, or a definition in place."""

    costs: CostsConfig = field(default_factory=CostsConfig)
    """Whether and how latency is measured."""

    proxies: ProxiesConfig = field(default_factory=ProxiesConfig)
    """Scores of untrained networks, to rank beside what is learned."""

    supernet: SupernetConfig = field(default_factory=SupernetConfig)
    """How the supernet is built around the space."""

    distill: DistillConfig = field(default_factory=DistillConfig)
    """How the supernet learns the teacher's features."""

    rating: RatingConfig = field(default_factory=RatingConfig)
    """How every path is rated."""

    stitching: StitchingConfig = field(default_factory=StitchingConfig)
    """How the additivity of the scores is checked."""

    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    """Short trainings that correct the scores."""

    scores: tuple[str, ...] = ()
    """Scores that searches add up, each divided by its spread, unless they name their own; empty for the first of
    rating.scores."""

    searches: dict[str, SearchConfig] = field(default_factory=lambda: {"unlimited": SearchConfig()})
    """Named searches and their budgets."""

    retrain: RetrainConfig | None = field(default_factory=RetrainConfig)
    """How the chosen networks are trained; null to skip retraining (images without labels)."""

    generations: GenerationsConfig | None = None
    """Repeat the search under teachers made of its winners (DNA+); null for one search."""

    def __post_init__(self) -> None:
        for name, search in self.searches.items():
            check_search_name(name)
            for option, limits in (("max", search.max), ("min", search.min)):
                parse_limits(limits, known=LIMITABLE, option=f"searches.{name}.{option}")
        if self.scores:
            adding = {name: replace(one, scores=one.scores or self.scores) for name, one in self.searches.items()}
            object.__setattr__(self, "searches", adding)
        self._check_added_up()
        if (channels := self.teacher.model_args.get("in_chans", 3)) != 3:
            raise ConfigError(
                f"teacher.model_args.in_chans is {channels}, but every image has 3 channels (grey ones are repeated); leave "
                "it out, timm's own weights are for 3"
            )
        if self.retrain is not None and not self.data.labels:
            raise ConfigError(
                "retraining needs labels, but data.labels is false; set retrain to null to stop after the search; "
                "helixnas export RUN --weights inherited then writes the network with the supernet's weights"
            )
        self._check_scores()
        self._check_slices()
        self._check_proxies()
        if self.generations is not None:
            self._check_generations(self.generations)
        if self.calibration.num_networks and not self.data.labels:
            raise ConfigError("calibration trains networks, so it needs labels, but data.labels is false")
        if self.calibration.num_networks:
            self._check_inherited("calibration", self.calibration.init)
        if self.retrain is not None:
            self._check_inherited("retrain", self.retrain.init)

    def _check_inherited(self, section: str, init: str) -> None:
        """Raise if networks shall begin with weights that this supernet cannot give."""
        if init == "inherited" and self.supernet.interface == "widen":
            raise ConfigError(
                "weights can be inherited only with supernet.interface=adapter: in a supernet that widens, first and last "
                f"layers have the teacher's widths; set {section}.init to scratch"
            )

    def _check_added_up(self) -> None:
        """Raise if a search adds up a score that no stage computes."""
        proxies = self.proxies.scores if self.proxies.num_networks else ()
        known = (*self.rating.scores, *proxies)
        corrected = (CALIBRATED,) if self.calibration.num_networks else ()
        adding = [(f"search {name}", search.scores, (*known, *corrected)) for name, search in self.searches.items()]
        adding += [("the recipe", self.scores, (*known, *corrected))]
        adding += [("calibration", self.calibration.scores, known)] if corrected else []
        for name, scores, allowed in adding:
            for score in scores:
                if score in allowed:
                    continue
                where = f"rating.scores names {', '.join(self.rating.scores)}"
                if score in PROXIES and not self.proxies.num_networks:
                    where = "proxies.num_networks is 0; choose a number of untrained networks, for example 100"
                elif score == CALIBRATED:
                    where = (
                        "calibration.num_networks is 0; choose a number of networks to train shortly, for example 32"
                    )
                elif score in PROXIES:
                    where = f"proxies.scores names {', '.join(self.proxies.scores)}"
                raise ConfigError(f"{name} adds up the score {score}, but {where}")

    def _check_scores(self) -> None:
        """Raise if the scores are not those of what the supernet learned, or the teacher cannot do what is asked of it."""
        joint, scores = self.distill.is_self_supervised, self.rating.scores
        if not joint and EMBEDDING_DISTANCE in scores:
            raise ConfigError(
                f"rating.scores names {EMBEDDING_DISTANCE}, which needs distill.objective=self-supervised; with "
                f"objective=features choose {RELATIVE_L1}"
            )
        if not joint:
            if self.data.augmentation == TWO_VIEW:
                raise ConfigError(
                    f"data.augmentation={TWO_VIEW} makes two different views for distill.objective=self-supervised; with "
                    "objective=features choose another, for example imagenet"
                )
            return
        if scores != (EMBEDDING_DISTANCE,):
            raise ConfigError(
                "with distill.objective=self-supervised the student's blocks do not reproduce the teacher's features, so "
                f"rating.scores must be [{EMBEDDING_DISTANCE}], not {list(scores)}"
            )
        if self.rating.readout != "none":
            raise ConfigError(
                f"rating.readout={self.rating.readout} fits outputs to the teacher's features, but {EMBEDDING_DISTANCE} "
                "compares embeddings; choose none"
            )
        if self.data.augmentation == "none":
            raise ConfigError(
                "distill.objective=self-supervised compares two augmented views of each image, but data.augmentation is none; "
                f"choose one, for example shift or {TWO_VIEW}"
            )
        if self.generations is not None:
            raise ConfigError(
                "generations hand a trained winner on as a fixed teacher, but with distill.objective=self-supervised the "
                "teacher learns with the supernet; set generations to null, or objective to features"
            )
        if self.retrain is not None and self.data.augmentation == TWO_VIEW and not self.retrain.augmentation:
            raise ConfigError(
                f"retraining would see the images as data.augmentation={TWO_VIEW} varies them, which is for two views; name "
                "another in retrain.augmentation, for example flip-crop"
            )
        if self.retrain is not None and self.retrain.teach != "none":
            raise ConfigError(
                f"retrain.teach={self.retrain.teach} needs a teacher that classifies, but with "
                "distill.objective=self-supervised it learns without labels; choose none"
            )

    def _check_slices(self) -> None:
        """Raise if cells that share weights meet settings that cannot train them, or those settings meet other cells."""
        if self.distill.sampling == "sandwich" and not self.supernet.slimmable:
            raise ConfigError(SANDWICH_NEEDS_SLICES)
        if self.supernet.slimmable and self.distill.is_progressive:
            raise ConfigError(
                f"supernet.slimmable needs distill.strategy=concurrent: {self.distill.strategy} trains every cell on its own "
                "input; choose concurrent, or set supernet.slimmable to false"
            )
        if self.supernet.init == "teacher" and self.distill.features == "standardized":
            raise ConfigError(
                "supernet.init=teacher needs distill.features=raw: the teacher's layers do not take its standardized features"
            )

    def _check_proxies(self) -> None:
        """Raise if a proxy differentiates a loss on labels that may not be read."""
        needing = [name for name in self.proxies.scores if name in NEED_LABELS]
        if needing and self.proxies.num_networks and not self.data.labels:
            others = ", ".join(name for name in PROXIES if name not in NEED_LABELS)
            raise ConfigError(
                f"proxies.scores names {needing[0]}, which needs labels, but data.labels is false; choose of {others}"
            )

    def _check_generations(self, generations: GenerationsConfig) -> None:
        """Raise if generations cannot follow each other: every teacher after the first is trained from labels."""
        if not self.data.labels:
            raise ConfigError(
                "generations need labels, because the teachers from generation 2 on are trained from scratch, but "
                "data.labels is false; set generations to null to search once"
            )
        if generations.search and generations.search not in self.searches:
            raise UnknownNameError("search in generations.search:", generations.search, self.searches)
        if not self.searches:
            raise ConfigError("generations need a search, whose winner teaches next, but searches is empty")
        if self.supernet.init == "teacher":
            raise ConfigError(
                "generations need supernet.init=random: cells can begin with the weights of a vision transformer of timm only, "
                "but the teachers from generation 2 on are networks of the space; set it so, or generations to null"
            )
        wanted = generations.stop.check
        if wanted == "benchmark" and not generations.benchmark:
            raise ConfigError("generations.stop.check is benchmark, but generations.benchmark names no file")
        if wanted == "retrained" and self.retrain is None:
            raise ConfigError("generations.stop.check is retrained, but retrain is null; choose auto or stitching")
        if wanted == "stitching" and self.stitching.num_architectures < 3:
            raise ConfigError(
                "generations.stop.check is stitching, but stitching.num_architectures is "
                f"{self.stitching.num_architectures}; it must be at least 3"
            )

    @cached_property
    def built_teacher(self) -> TeacherConfig:
        """The teacher's settings; where they name a network of the space, as timm builds it: the model `helixnas`.

        Raises `ConfigError` if the space has no such network.
        """
        if not self.teacher.network:
            return self.teacher
        space = self.search_space
        try:
            architecture = space.parse(self.teacher.network)
        except HelixError as error:
            raise ConfigError(f"teacher.network is no network of space {space.name!r}: {error}") from error
        return replace(
            self.teacher,
            model=HELIXNAS,
            model_args={"arch": architecture.to_dict()},
            boundaries=tuple(f"blocks.{number}" for number in range(len(space.blocks))),
        )

    @property
    def retraining(self) -> RetrainConfig:
        """The settings of retraining; only for a recipe that retrains."""
        assert self.retrain is not None, "the plan holds such a stage only where it has settings"
        return self.retrain

    @property
    def expected_training_images(self) -> int:
        """Images that training will see, rating images held out; below 1 where unknown."""
        return round(self.data.train_share * (self.expected_images - self.data.num_rating))

    @cached_property
    def search_space(self) -> SearchSpace:
        """The search space, for the recipe's images if it leaves their size open; import the recipe's modules first."""
        return load_space(self.space, image_size=self.data.image_size)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values for YAML, with the definition of the space in place of its file."""
        try:
            space = space_to_dict(self.search_space)
        except HelixError:
            if not (isinstance(self.space, dict) and "blocks" in self.space):  # its operations may not be imported yet
                raise
            space = self.space
        return _plain({**asdict(self), "space": space})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
