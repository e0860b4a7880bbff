"""BaselineConfig: how a baseline is trained and when it rates networks."""

from dataclasses import asdict
from typing import Annotated, Any, Literal, get_args

from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError
from helixnas.proxies.config import LEAST_FOR_ZICO, ZICO
from helixnas.settings import Ge, Gt, Lt, Unit, settings

Trained = Literal["spos", "fairnas", "darts", "mnasnet"]
Untrained = Literal["naswot", "synflow", "zico", "gradnorm", "snip", "num_layers"]
Method = Trained | Untrained
UNTRAINED: tuple[str, ...] = get_args(Untrained)
"""Zero-cost proxies."""

METHODS: tuple[str, ...] = (*get_args(Trained), *UNTRAINED)

OF_DARTS = ("alpha_lr", "alpha_weight_decay")
"""Settings that other methods do not have."""


@settings("baseline")
class BaselineConfig:
    """Settings of one baseline, trained by SGD with a learning rate that falls to 0 along a cosine, or untrained."""

    method: Method
    """spos, fairnas, darts or mnasnet, which train; naswot, synflow, zico, gradnorm, snip or num_layers, which do not."""

    num_networks: Annotated[int, Ge(3), Unit("networks")]
    """Networks of the benchmark that are rated (mnasnet: trained)."""

    num_points: Annotated[int, Ge(1), Unit("evaluations")] = 6
    """Number of evaluations, evenly spaced over training; the last is at its end."""

    num_epochs: Annotated[int, Ge(1), Unit("epochs")] = 10
    """Passes over the training images (mnasnet: per network)."""

    batch_size: Annotated[int, Ge(1), Unit("images")] = 128
    """Images per optimizer step, or that an untrained network is scored on (at least 2; zico: 4)."""

    lr: Annotated[float, Gt(0)] = 0.05
    """Initial learning rate."""

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Momentum of SGD."""

    weight_decay: Annotated[float, Ge(0)] = 4e-5
    """L2 penalty, on the parameters that a step trains."""

    clip_grad: Annotated[float, Ge(0)] = 5.0
    """Largest norm of the gradient; 0 to disable clipping."""

    alpha_lr: Annotated[float, Gt(0)] = 3e-4
    """Learning rate of DARTS's architecture parameters (Adam)."""

    alpha_weight_decay: Annotated[float, Ge(0)] = 1e-3
    """L2 penalty on DARTS's architecture parameters."""

    num_calibration: Annotated[int, Ge(2), Unit("images")] = 256
    """Training images, not augmented, for batch norm's statistics when spos and fairnas rate a network."""

    num_seeds: Annotated[int, Ge(1), Unit("initialisations")] = 1
    """Initial weights of which an untrained method takes the mean."""

    def __post_init__(self) -> None:
        least = LEAST_FOR_ZICO if self.method == ZICO else 2
        if self.is_untrained and self.batch_size < least:
            raise ConfigError(f"baseline.batch_size must be at least {least} for {self.method}, not {self.batch_size}")

    @property
    def is_untrained(self) -> bool:
        """Whether the method is a zero-cost proxy."""
        return self.method in UNTRAINED

    @property
    def num_expected(self) -> int:
        """Number of evaluations that a finished baseline holds."""
        return 1 if self.is_untrained else self.num_points

    def fit(self) -> FitConfig:
        """Return how one network is trained from scratch with these settings."""
        return FitConfig(
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            optimizer="sgd",
            lr=self.lr,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            warmup_epochs=0.0,
            clip_grad=self.clip_grad,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that the method has, as plain values."""
        if self.is_untrained:
            names = ("method", "num_networks", "batch_size", "num_seeds")
            return {name: getattr(self, name) for name in names}
        other = {"darts": ("num_calibration",), "mnasnet": (*OF_DARTS, "num_calibration")}.get(self.method, OF_DARTS)
        return {name: value for name, value in asdict(self).items() if name not in (*other, "num_seeds")}
