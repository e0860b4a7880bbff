"""What a training would take, without doing it: steps, sizes and memory, beside the paper's figure."""

from dataclasses import dataclass

from helixnas.engine.config import FitConfig
from helixnas.engine.fit import require_optimizer
from helixnas.errors import ConfigError
from helixnas.models.opening import OpenedModel
from helixnas.nn import count_macs, count_params, meta_copy, saved_bytes
from helixnas.retrain import FinetuneConfig, with_new_head

OPTIMIZER_STATES = {"sgd": 1, "momentum": 1}
"""Tensors that an optimizer keeps per parameter; two for all others."""

PUBLISHED = {
    "torch/cifar10": (50_000, 10, "DNA-c: 98.3 % on CIFAR-10, EfficientNet-B0 98.0 % (Table 3)"),
    "torch/cifar100": (50_000, 100, "DNA-c: 88.3 % on CIFAR-100, EfficientNet-B0 87.1 % (Table 3)"),
}
"""Training images, classes and the paper's figure of the data sets of its fine-tuning."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Steps, sizes and memory of a training."""

    images: str
    """Number of training images and where it comes from."""

    num_classes: int
    steps_per_epoch: int
    steps: int
    params: int
    trained_params: int
    macs: int
    """Multiply-adds of a square image of the training size; of a detector, of its features and its regions in evaluation."""

    memory: int
    """Bytes of weights, gradients, the optimizer's state and the activations of a microbatch, in float32."""

    paper: str
    """What the paper reports; empty for nothing."""


def plan_finetuning(opened: OpenedModel, data: str, config: FinetuneConfig) -> TrainingPlan:
    """Return what fine-tuning on one of the paper's data sets would take; the model is changed in place.

    Raises `ConfigError` if the data set is another, or the model does not take such images.
    """
    require_optimizer(config.fit.optimizer)
    if data not in PUBLISHED:
        raise ConfigError(f"a dry run of a fine-tuning knows the sizes of {' and '.join(PUBLISHED)}, not of {data!r}")
    number, num_classes, paper = PUBLISHED[data]
    size = config.image_size or int(opened.shown["input_size"][-1])
    model = with_new_head(opened.model, num_classes=num_classes, image_size=size, name=opened.name, seed=0)
    twin, params, per_epoch = meta_copy(model), count_params(model), number // config.fit.batch_size
    return TrainingPlan(
        images=f"{number:,} of {data}",
        num_classes=num_classes,
        steps_per_epoch=per_epoch,
        steps=per_epoch * config.fit.num_epochs,
        params=params,
        trained_params=params,
        macs=count_macs(twin, (1, 3, size, size)),
        memory=memory_of(params, params, config.fit, saved_bytes(twin, (2, 3, size, size)) // 2),
        paper=paper,
    )


def memory_of(params: int, trained: int, fit: FitConfig, saved: int) -> int:
    """Return the bytes of a training: `trained` of the parameters learn, and an image leaves `saved` bytes of activations."""
    states = OPTIMIZER_STATES.get(fit.optimizer, 2)
    return 4 * (params + trained * (1 + states)) + (fit.microbatch_size or fit.batch_size) * saved
