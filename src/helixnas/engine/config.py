"""FitConfig and RuntimeConfig: how a classifier is trained, and on which device."""

from dataclasses import replace
from typing import Annotated, Literal

from helixnas.errors import ConfigError
from helixnas.settings import Ge, Gt, Le, Lt, Unit, settings


@settings("fit")
class FitConfig:
    """How a classifier is trained."""

    num_epochs: Annotated[int, Ge(1), Unit("epochs")] = 30
    """Passes over the training images."""

    batch_size: Annotated[int, Ge(1), Unit("images")] = 128
    """Images per optimizer step."""

    microbatch_size: Annotated[int, Ge(0), Unit("images")] = 0
    """Images per forward and backward pass, a divisor of batch_size; gradients are accumulated, and batch norm sees one
    microbatch. 0 for the whole batch."""

    optimizer: str = "adamw"
    """Name of a timm optimizer: sgd (with Nesterov's momentum), momentum (SGD with the usual one), adamw, rmsproptf, lamb, ..."""

    lr: Annotated[float, Gt(0)] = 0.002
    """Peak learning rate."""

    weight_decay: Annotated[float, Ge(0)] = 0.05
    """Weight decay, of matrices and kernels only (not of biases and norms)."""

    momentum: Annotated[float, Ge(0)] = 0.9
    """Momentum, for optimizers that have one."""

    eps: Annotated[float, Ge(0)] = 0.0
    """Term added to the optimizer's divisor; 0 for the optimizer's default (EfficientNet uses 0.001 with rmsproptf)."""

    schedule: Literal["cosine", "step", "poly", "two-step"] = "cosine"
    """Learning rate after the warm-up: falls along a cosine (cosine), by a factor every few epochs (step), as the power .9 of
    the steps left (poly), or by a factor after 2/3 and 8/9 of the steps (two-step)."""

    warmup_epochs: Annotated[float, Ge(0), Unit("epochs")] = 1.0
    """Epochs over which the learning rate rises to its peak."""

    final_lr: Annotated[float, Ge(0)] = 0.0
    """Learning rate at the end of the cosine schedule."""

    decay_rate: Annotated[float, Gt(0), Le(1)] = 0.97
    """Factor of the schedules step and two-step."""

    decay_epochs: Annotated[float, Gt(0), Unit("epochs")] = 2.4
    """Epochs between two steps of the step schedule."""

    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Fraction of the target spread evenly over the classes."""

    mixup: Annotated[float, Ge(0)] = 0.0
    """Alpha of Mixup, which blends a batch and its targets with the batch reversed; 0 to disable."""

    cutmix: Annotated[float, Ge(0)] = 0.0
    """Alpha of CutMix, which pastes a rectangle from the batch reversed; 0 to disable. With mixup, one of the two is drawn
    per batch."""

    clip_grad: Annotated[float, Ge(0)] = 0.0
    """Largest norm of the gradient; 0 to disable clipping."""

    ema_decay: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Decay of the moving average of the weights, lower in the first steps; 0 to disable."""

    def __post_init__(self) -> None:
        part, whole = self.microbatch_size, self.batch_size
        if part and whole % part:
            nearest = next(size for size in range(min(part, whole), 0, -1) if whole % size == 0)
            raise ConfigError(
                f"fit.microbatch_size must divide batch_size ({whole:,}) or be 0, not {part:,}; {nearest:,} would do"
            )
        if (self.mixup or self.cutmix) and (part or whole) % 2:
            name = "microbatch_size" if part else "batch_size"
            raise ConfigError(
                f"mixup and cutmix pair the images of a batch, so {name} must be even, not {part or whole}"
            )

    def shortened(self, num_epochs: int) -> "FitConfig":
        """Return a training of so many epochs whose warm-up and steps of the learning rate are shortened alike."""
        share = num_epochs / self.num_epochs
        return replace(
            self,
            num_epochs=num_epochs,
            warmup_epochs=share * self.warmup_epochs,
            decay_epochs=share * self.decay_epochs,
        )

    @property
    def num_parts(self) -> int:
        """Microbatches in a batch."""
        return self.batch_size // self.microbatch_size if self.microbatch_size else 1


@settings("runtime")
class RuntimeConfig:
    """Device, precision and memory format."""

    device: str = "auto"
    """auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:N or mps."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    """Precision of the forward passes under autocast; weights and losses stay float32. auto chooses bf16 where the device
    is faster with it (CUDA devices with bf16, CPUs with AMX, AMD CPUs with AVX-512 BF16), else fp32."""

    channels_last: bool = True
    """Keep feature maps and convolution weights in NHWC memory order."""

    num_threads: Annotated[int, Ge(0), Unit("threads")] = 0
    """CPU threads; 0 for torch's default."""

    keep_memory: bool = True
    """On a CPU with glibc, keep freed memory for later steps, which makes them faster; false returns it to the system."""

    compile: bool = False
    """Compile the layers of teacher, supernet and networks with torch.compile, for a GPU above all. The first steps then take
    minutes, and the last digits of results differ. Layers that share weights in slices stay as they are."""

    cuda_graphs: bool = False
    """Run the operations of a rating as CUDA graphs, which helps where feature maps are small. Needs a CUDA device. Not yet
    tried on one, so compare a few scores first."""
