"""Knowledge distillation of the whole network, from a teacher's output and the labels (the variant of Sec. 4.3)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from helixnas.engine import Objective
from helixnas.errors import ConfigError

Logits = Float[Tensor, "batch classes"]


def soft_loss(logits: Logits, taught: Logits, temperature: float) -> Float[Tensor, ""]:
    """Return T^2 KL(teacher || student) of the probabilities at temperature T, in nats; 0 if they agree.

    The factor T^2 makes the scale of the gradients independent of T.
    """
    log_p, log_q = F.log_softmax(taught / temperature, 1), F.log_softmax(logits / temperature, 1)
    return temperature**2 * F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")


def hard_loss(logits: Logits, taught: Logits) -> Float[Tensor, ""]:
    """Return the cross-entropy with the teacher's predicted classes as targets."""
    return F.cross_entropy(logits, taught.argmax(1))


def objective_of(
    teacher: Callable[[Tensor], Tensor], *, kind: str, share: float, temperature: float, num_classes: tuple[int, int]
) -> Objective | None:
    """Return the objective: (1 - share) times the labels' cross-entropy plus `share` (0 .. 1) times the teacher's loss.

    The teacher returns the logits of images in [0, 1]; its loss is of the `kind` ``soft`` (at a `temperature`), ``hard``
    or ``none``. Raises `ConfigError` if the numbers of classes, the teacher's and the network's, differ.
    """
    if kind == "none":
        return None
    theirs, ours = num_classes
    if theirs != ours:
        raise ConfigError(
            f"the teacher predicts {theirs:,} classes and the network {ours:,}, so retrain.teach must be none; or use a "
            f"teacher with {ours:,} classes"
        )

    def objective(logits: Tensor, loss: Tensor, images: Tensor) -> Tensor:
        with torch.no_grad():
            taught = teacher(images).float()
        learnt = soft_loss(logits, taught, temperature) if kind == "soft" else hard_loss(logits, taught)
        return (1 - share) * loss + share * learnt

    return objective
