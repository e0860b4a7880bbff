"""ProxiesConfig: which zero-cost proxies score untrained networks, and how many networks."""

from typing import Annotated

from helixnas.artifacts.baseline import PROXIES as PROXIES
from helixnas.errors import ConfigError
from helixnas.settings import Ge, OneOf, Unit, settings

NASWOT, SYNFLOW, ZICO, GRADNORM, SNIP, NUM_LAYERS = "naswot", "synflow", "zico", "gradnorm", "snip", "num_layers"
NEED_LABELS = (ZICO, GRADNORM, SNIP)
"""Proxies that differentiate a loss on labels."""

LEAST_FOR_ZICO = 4
"""Images of a batch that ZiCo halves: two a half, because batch norm has no statistics of one."""


@settings("proxies")
class ProxiesConfig:
    """Zero-cost proxies of random networks of the space, and an additive fit that scores every path."""

    num_networks: Annotated[int, Ge(0), Unit("networks")] = 0
    """Random networks to score; 0 to skip proxies. The fit needs at least 3; 60 to 250 are usual."""

    scores: tuple[Annotated[str, OneOf(PROXIES)], ...] = (NASWOT,)
    """Proxies to compute, all of untrained networks: naswot (how differently ReLU-like layers respond to different images),
    synflow (Synaptic Flow), zico (gradients large and steady between images; needs labels), gradnorm (norm of the gradient;
    needs labels), snip (what the loss would change without a weight; needs labels), num_layers (layers that are no
    identity)."""

    num_seeds: Annotated[int, Ge(1), Unit("initialisations")] = 1
    """Initial weights, and batches of images, of which the mean is taken."""

    batch_size: Annotated[int, Ge(2), Unit("images")] = 32
    """Training images, not augmented, that a network is scored on; zico, which halves them, needs at least 4."""

    def __post_init__(self) -> None:
        if not self.scores or len(set(self.scores)) < len(self.scores):
            raise ConfigError(f"proxies.scores must name at least one proxy, each once, not {list(self.scores)}")
        if ZICO in self.scores and self.batch_size < LEAST_FOR_ZICO:
            raise ConfigError(
                f"proxies.batch_size must be at least {LEAST_FOR_ZICO} for {ZICO}, which compares two halves of the batch, not "
                f"{self.batch_size}"
            )
        if 0 < self.num_networks < 3:
            raise ConfigError(
                f"proxies.num_networks must be 0 or at least 3, since fewer networks cannot be fitted, not {self.num_networks}"
            )
