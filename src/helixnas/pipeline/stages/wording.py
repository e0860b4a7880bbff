"""The work of a training in words and in seconds, for the dry run."""

from helixnas.distill.config import DistillConfig
from helixnas.engine.config import FitConfig
from helixnas.retrain.config import RetrainConfig

BACKWARD = 2
"""Time of a backward pass, in forward passes."""


def num_steps(num_epochs: int, batch_size: int, images: int, *, stop_at: float = 1.0) -> int:
    """Return the steps of a training; 0 if the number of images is unknown."""
    steps = num_epochs * (images // batch_size)
    return max(1, round(stop_at * steps)) if steps > 0 else 0


def steps_text(num_epochs: int, batch_size: int, images: int, *, stop_at: float = 1.0) -> str:
    """Return epochs, batch size and, where the number of images is known, steps of a training in words.

    >>> steps_text(1, 64, 48_000, stop_at=0.5)
    '1 epoch of batch 64: the first 375 of 750 steps'
    """
    epochs = f"{num_epochs} {'epoch' if num_epochs == 1 else 'epochs'} of batch {batch_size}"
    if images <= 0:
        return epochs if stop_at == 1 else f"{epochs}, stopped at {stop_at:.4g} of all steps"
    steps = num_epochs * (images // batch_size)
    first = "" if stop_at == 1 else f"the first {num_steps(num_epochs, batch_size, images, stop_at=stop_at):,} of "
    return f"{epochs}: {first}{steps:,} steps"


def fit_text(fit: FitConfig, images: int) -> str:
    """Describe the training of a classifier."""
    steps = steps_text(fit.num_epochs, fit.batch_size, images)
    return f"{steps}, {fit.num_parts} parts of {fit.microbatch_size}" if fit.num_parts > 1 else steps


def fit_seconds(fit: FitConfig, images: int, forward: float) -> float:
    """Return the estimated time of training a classifier whose forward pass takes `forward` seconds per image."""
    return num_steps(fit.num_epochs, fit.batch_size, images) * fit.batch_size * (1 + BACKWARD) * forward


def distill_text(config: DistillConfig, images: int) -> str:
    """Describe the distillation of a supernet."""
    steps = steps_text(config.num_epochs, config.batch_size, images, stop_at=config.stop_at)
    if config.is_self_supervised:
        return f"{steps} of teacher and supernet together"
    return f"{steps} for each block in turn ({config.strategy})" if config.is_progressive else steps


def retrain_text(config: RetrainConfig, fit: FitConfig, images: int) -> str:
    """Describe the training of a searched network."""
    parts = [f"{fit_text(fit, images)}, {fit.optimizer}, lr {fit.lr:g}"]
    parts += [f"drop path {config.drop_path_rate:g}"] if config.drop_path_rate else []
    parts += [config.augmentation] if config.augmentation else []
    parts += [f"mixup {fit.mixup:g}"] if fit.mixup else []
    parts += [f"cutmix {fit.cutmix:g}"] if fit.cutmix else []
    parts += [f"weights averaged ({fit.ema_decay:g})"] if fit.ema_decay else []
    parts += [f"{config.teach} targets of the teacher"] if config.teach != "none" else []
    return ", ".join(parts)
