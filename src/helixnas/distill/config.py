"""DistillConfig: how the supernet learns the teacher's features, or learns together with the teacher (DNA++)."""

from dataclasses import field
from typing import Annotated, Literal

from helixnas.errors import ConfigError
from helixnas.settings import Ge, Gt, Le, Lt, Unit, settings

Strategy = Literal["concurrent", "progressive-a", "progressive-b"]
Schedule = Literal["decay", "cosine"]
Features = Literal["raw", "standardized"]
Sampling = Literal["uniform", "strict-fair", "sandwich"]
Objective = Literal["features", "self-supervised"]

MIN_COVARIANCE_BATCH = 128
"""Least batch from which the self-supervised loss estimates covariances."""

SANDWICH_NEEDS_SLICES = (
    "distill.sampling=sandwich needs supernet.slimmable=true, because cells with weights of their own have no largest path "
    "that holds the others; choose uniform or strict-fair"
)
"""Message for sandwich sampling of cells that do not share weights."""


@settings("distill.vicreg")
class VicregConfig:
    """The self-supervised loss of DNA++ (Eq. 10 and 11), in the form of VICReg's code."""

    lambda_1: Annotated[float, Ge(0)] = 25.0
    """Weight of the invariance: the mean squared difference between both sides, over images and dimensions."""

    lambda_2: Annotated[float, Ge(0)] = 1.0
    """Weight of the covariance: the squared off-diagonal covariances of each side, summed and divided by the dimensions."""

    lambda_3: Annotated[float, Ge(0)] = 25.0
    """Weight of the spread: how far the standard deviation of a dimension falls below gamma, averaged over both sides."""

    gamma: Annotated[float, Gt(0)] = 1.0
    """Standard deviation from which on a dimension counts as spread."""

    epsilon: Annotated[float, Gt(0)] = 1e-4
    """Added to the variance before the root is taken."""


@settings("distill.projector")
class ProjectorConfig:
    """The projection heads of DNA++, one per side and block: widening, global pooling, and linear layers."""

    expansion: Annotated[int, Ge(0), Unit("channels")] = 256
    """Channels to which a 1x1 convolution with batch norm and ReLU widens a block's output before it is pooled; 0 pools the
    output as it is, which limits the rank of what the projector receives to the block's channels."""

    widths: tuple[Annotated[int, Ge(1)], ...] = (512, 512, 512)
    """Outputs of the projector's linear layers, with batch norm and ReLU between them; the last is the embedding's width."""

    noise: Annotated[float, Ge(0)] = 0.0
    """Gaussian noise on both sides' block outputs while training, relative to each channel's standard deviation; 0 for none,
    .25 is usual."""

    def __post_init__(self) -> None:
        if not self.widths:
            raise ConfigError(
                "distill.projector.widths is empty; give at least the embedding's width, for example [512]"
            )


@settings("distill.collapse")
class CollapseConfig:
    """When the training of DNA++ stops, because the embeddings of a block no longer tell images apart."""

    every: Annotated[int, Ge(1), Unit("steps")] = 50
    """Steps between two looks at the embeddings."""

    min_spread: Annotated[float, Ge(0)] = 0.1
    """Least standard deviation of a path's embeddings over the images of a step, averaged over dimensions; 0 to allow any."""

    min_rank_share: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Least effective rank of a path's embeddings, relative to the highest that images and dimensions allow; 0 to allow any."""


@settings("distill.lars")
class LarsConfig:
    """The optimizer LARS, for large batches: each weight tensor moves by a share of its own norm. Biases and norms do not."""

    base_lr: Annotated[float, Gt(0)] = 0.3
    """Peak learning rate per 256 images: multiplied by distill.batch_size / 256."""

    warmup_epochs: Annotated[float, Ge(0), Unit("epochs")] = 1.0
    """Linear rise of the learning rate from 0; then it falls along half a cosine to 0 at the end of the last epoch."""

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Momentum, also of biases and norms."""

    weight_decay: Annotated[float, Ge(0)] = 1e-6
    """L2 penalty, not on biases and norms."""

    trust_coefficient: Annotated[float, Gt(0)] = 0.001
    """Length of a step relative to the weights' norm, at a learning rate of 1 (LARS's eta)."""


@settings("distill")
class DistillConfig:
    """How the supernet learns the teacher's features (Alg. "DNA", Sec. 4.1)."""

    num_epochs: Annotated[int, Ge(1), Unit("epochs")] = 20
    """Passes over the training images, for every cell; a progressive strategy trains each block in turn for this many."""

    batch_size: Annotated[int, Ge(1), Unit("images")] = 512
    """Images per optimizer step."""

    first_block_lr: Annotated[float, Gt(0)] = 0.002
    """Initial learning rate of block 1 and the stem, which is trained with it."""

    lr: Annotated[float, Gt(0)] = 0.005
    """Initial learning rate of the other blocks."""

    lr_schedule: Schedule = "decay"
    """Learning rate: multiplied by lr_decay after every epoch (decay, the paper's), or falling at every step along half a
    cosine to 0 at the end of the last epoch (cosine)."""

    lr_decay: Annotated[float, Gt(0)] = 0.9
    """Factor applied to the learning rate after every epoch, with lr_schedule=decay."""

    stop_at: Annotated[float, Gt(0), Le(1)] = 1.0
    """Stop after this fraction of the steps. The schedule is that of the full run, so with one moment a larger fraction can
    resume from here."""

    num_moments: Annotated[int, Ge(1), Le(6)] = 1
    """Moments at which paths are rated: the end, and earlier ones, each after half the steps of the next. Their scores are
    added, each over its spread, so that the noise of a moment counts less and none must be chosen."""

    weight_decay: Annotated[float, Ge(0)] = 0.0
    """L2 penalty, on the parameters of the sampled path only."""

    features: Features = "raw"
    """Scale of the teacher's Y_1 .. Y_N as inputs, as targets and in scores: unchanged (raw, the paper's), or each channel
    with mean 0 and variance 1 over 1,024 training images (standardized)."""

    objective: Objective = "features"
    """Goal of a block: the teacher's features (features, Eq. 6), or agreement with the teacher's block, which learns too, on
    two views of each image without labels (self-supervised, Eq. 10 and 11)."""

    sampling: Sampling = "uniform"
    """Paths per cell and step: one at random (uniform), or several that together use every operation equally often
    (strict-fair). Of cells that share weights (supernet.slimmable): the same for all of a depth together, widths included; or
    the largest path, the smallest and some at random (sandwich)."""

    num_random: Annotated[int, Ge(0), Unit("paths")] = 2
    """With sampling=sandwich: number of random paths beside the largest and the smallest."""

    optimizer: Literal["adam", "adamw", "lars"] = "adam"
    """adam adds weight decay to the gradient; adamw applies it to the weights directly; lars, for large batches, has settings
    of its own (distill.lars), and lr, first_block_lr, lr_schedule, lr_decay and weight_decay do not count."""

    feature_cache: Annotated[int, Ge(0), Unit("views")] = 0
    """Augmented views of every training image whose teacher features are computed once and read from the run folder in all
    epochs, blocks and cells, in half precision; epoch e shows view e modulo their number. 0 runs the teacher in every step. The
    dry run and a message say how much disk it needs."""

    projector: ProjectorConfig = field(default_factory=ProjectorConfig)
    """With objective=self-supervised: the projection heads."""

    vicreg: VicregConfig = field(default_factory=VicregConfig)
    """With objective=self-supervised: the loss."""

    collapse: CollapseConfig = field(default_factory=CollapseConfig)
    """With objective=self-supervised: when the training stops. Lower limits continue it."""

    lars: LarsConfig = field(default_factory=LarsConfig)
    """The optimizer LARS."""

    strategy: Strategy = "concurrent"
    """All blocks at once, on the teacher's features (concurrent, the method). For comparison (Table 10), one block after the
    other on the student's features: progressive-a keeps training the earlier blocks, progressive-b freezes them."""

    num_kept: Annotated[int, Ge(1)] = 5
    """For a progressive strategy: number of best partial networks kept after each block, per output width; the next block
    is trained on their outputs."""

    def __post_init__(self) -> None:
        if self.is_progressive and self.stop_at < 1:
            raise ConfigError(
                f"distill.stop_at={self.stop_at} needs distill.strategy=concurrent: {self.strategy} stopped early has not "
                "begun with its last blocks; give distill.stop_at=1"
            )
        if self.feature_cache:
            self._check_feature_cache()
        if self.is_self_supervised:
            self._check_self_supervised()
        if self.optimizer == "lars" and self.lars.warmup_epochs >= self.num_epochs:
            raise ConfigError(
                f"distill.lars.warmup_epochs={self.lars.warmup_epochs:g} leaves no epoch to train in: distill.num_epochs is "
                f"{self.num_epochs}; choose fewer"
            )
        if self.num_moments > 1 and (self.is_progressive or self.is_self_supervised):
            raise ConfigError(
                f"distill.num_moments={self.num_moments} needs distill.strategy=concurrent and distill.objective=features; rate "
                "others at their end (distill.num_moments=1)"
            )

    def moment_steps(self, num_steps: int) -> dict[int, int]:
        """Return, by moment counted back from the end, after how many steps it is.

        >>> DistillConfig(num_moments=3).moment_steps(100)
        {1: 50, 2: 25}
        """
        return {moment: max(1, round(num_steps / 2**moment)) for moment in range(1, self.num_moments)}

    def _check_feature_cache(self) -> None:
        if self.is_self_supervised or self.is_progressive:
            what = "objective=self-supervised" if self.is_self_supervised else f"strategy={self.strategy}"
            raise ConfigError(
                f"distill.feature_cache={self.feature_cache} holds the features of a fixed teacher for blocks that learn from "
                f"them alone; distill.{what} needs distill.feature_cache=0"
            )
        if self.feature_cache > self.num_epochs:
            raise ConfigError(
                f"distill.feature_cache={self.feature_cache} is more than distill.num_epochs={self.num_epochs}; an epoch shows "
                f"one view, so choose at most {self.num_epochs}"
            )

    def _check_self_supervised(self) -> None:
        if self.batch_size < MIN_COVARIANCE_BATCH:
            raise ConfigError(
                f"distill.batch_size={self.batch_size} is too small for distill.objective=self-supervised, whose loss "
                "estimates the covariance of the embeddings from the images of one step; choose at least "
                f"{MIN_COVARIANCE_BATCH} (accumulating the gradients of smaller batches would not help: each would have its "
                "own covariance)"
            )
        if self.is_progressive:
            raise ConfigError(
                f"distill.strategy={self.strategy} learns from the features of a fixed teacher; "
                "distill.objective=self-supervised needs distill.strategy=concurrent"
            )
        if self.features == "standardized":
            raise ConfigError(
                "distill.features=standardized needs a fixed teacher, but with distill.objective=self-supervised the "
                "teacher's features change while it learns; choose raw"
            )

    @property
    def is_self_supervised(self) -> bool:
        """Whether the teacher learns too, without labels."""
        return self.objective == "self-supervised"

    @property
    def is_progressive(self) -> bool:
        """Whether blocks are trained one after the other, on the student's own features."""
        return self.strategy != "concurrent"
