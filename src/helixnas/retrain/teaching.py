"""Knowledge distillation of the whole network: a teacher's output beside the labels (the paper's variant of Sec. 4.3)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from helixnas.engine import Objective
from helixnas.errors import ConfigError

Logits = Float[Tensor, "batch classes"]


def soft_loss(logits: Logits, taught: Logits, temperature: float) -> Float[Tensor, ""]:
    """Return T^2 KL(teacher || student) of the probabilities at temperature T, in nats; 0 where they agree.

    The square keeps the size of the gradients where T changes.

    >>> soft_loss(torch.zeros(1, 2), torch.zeros(1, 2), 4.0).item()
    0.0
    """
    log_p, log_q = F.log_softmax(taught / temperature, 1), F.log_softmax(logits / temperature, 1)
    return temperature**2 * F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")


def hard_loss(logits: Logits, taught: Logits) -> Float[Tensor, ""]:
    """Return the cross-entropy of the classes that the teacher chooses."""
    return F.cross_entropy(logits, taught.argmax(1))


def objective_of(
    teacher: Callable[[Tensor], Tensor], *, kind: str, share: float, temperature: float, num_classes: tuple[int, int]
) -> Objective | None:
    """Return what is minimised: (1 - share) of the labels' cross-entropy and `share` of the teacher's loss.

    Args:
        teacher: gives logits of images in [0, 1].
        kind: soft, hard or none.
        share: of the teacher in the loss.
        temperature: for soft.
        num_classes: the teacher's and the network's.

    Raises:
        ConfigError: the teacher tells other classes apart.
    """
    if kind == "none":
        return None
    theirs, ours = num_classes
    if theirs != ours:
        raise ConfigError(
            f"the teacher tells {theirs:,} classes apart and the network {ours:,}, so it cannot teach the network "
            "(retrain.teach); set it to none, or give a teacher of these classes"
        )

    def objective(logits: Tensor, loss: Tensor, images: Tensor) -> Tensor:
        with torch.no_grad():
            taught = teacher(images).float()
        learnt = soft_loss(logits, taught, temperature) if kind == "soft" else hard_loss(logits, taught)
        return (1 - share) * loss + share * learnt

    return objective
