"""DistillConfig: how the supernet learns the teacher's features."""

from typing import Annotated, Literal

from helixnas.errors import ConfigError
from helixnas.settings import Ge, Gt, Le, Unit, settings

Strategy = Literal["concurrent", "progressive-a", "progressive-b"]
Schedule = Literal["decay", "cosine"]
Features = Literal["raw", "standardized"]
Sampling = Literal["uniform", "strict-fair", "sandwich"]

SANDWICH_NEEDS_SLICES = (
    "distill.sampling=sandwich needs supernet.slimmable=true, because cells with weights of their own have no largest path "
    "that holds the others; choose uniform or strict-fair"
)
"""Message for sandwich sampling of cells that do not share weights."""


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
    """Stop after this fraction of the steps. The schedule is that of the full run, so a larger fraction can resume from
    here."""

    weight_decay: Annotated[float, Ge(0)] = 0.0
    """L2 penalty, on the parameters of the sampled path only."""

    features: Features = "raw"
    """Scale of the teacher's Y_1 .. Y_N as inputs, as targets and in scores: unchanged (raw, the paper's), or each channel
    with mean 0 and variance 1 over 1,024 training images (standardized)."""

    sampling: Sampling = "uniform"
    """Paths per cell and step: one at random (uniform), or several that together use every operation equally often
    (strict-fair). Of cells that share weights (supernet.slimmable): the same for all of a depth together, widths included; or
    the largest path, the smallest and some at random (sandwich)."""

    num_random: Annotated[int, Ge(0), Unit("paths")] = 2
    """With sampling=sandwich: number of random paths beside the largest and the smallest."""

    optimizer: Literal["adam", "adamw"] = "adam"
    """adam adds weight decay to the gradient; adamw applies it to the weights directly."""

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

    @property
    def is_progressive(self) -> bool:
        """Whether blocks are trained one after the other, on the student's own features."""
        return self.strategy != "concurrent"
