"""How a baseline is trained and when it ranks."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from helixnas.engine import FitConfig
from helixnas.errors import ConfigError, UnknownNameError

Method = Literal["spos", "fairnas", "darts", "mnasnet"]
METHODS: tuple[str, ...] = get_args(Method)

OF_DARTS = ("alpha_lr", "alpha_weight_decay")
"""Settings that other methods do not have."""


@dataclass(frozen=True, kw_only=True)
class BaselineConfig:
    """Settings of one baseline; weights are trained by SGD, their learning rate falls along a cosine to 0.

    >>> BaselineConfig(method="spos", num_networks=200).lr
    0.05
    """

    method: Method
    """spos, fairnas, darts, or mnasnet."""

    num_networks: int
    """How many of the benchmark's networks are rated (by mnasnet: trained)."""

    num_points: int = 6
    """How often they are rated, at equal distances, the last time at the end of the training."""

    num_epochs: int = 10
    """Passes over the training images (mnasnet: for every network)."""

    batch_size: int = 128
    """Images per step."""

    lr: float = 0.05
    """Learning rate at the start."""

    momentum: float = 0.9
    """Momentum of SGD."""

    weight_decay: float = 4e-5
    """L2 penalty, on the parameters that a step trains."""

    clip_grad: float = 5.0
    """Largest norm of the gradient; 0 leaves it as it is."""

    alpha_lr: float = 3e-4
    """For darts: learning rate of the architecture parameters (Adam)."""

    alpha_weight_decay: float = 1e-3
    """For darts: L2 penalty on them."""

    num_calibration: int = 256
    """For spos and fairnas: training images, shown unvaried, whose statistics batch norm takes while a network is rated."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownNameError("method", self.method, METHODS)
        for name, least in (
            ("num_networks", 3),
            ("num_points", 1),
            ("num_epochs", 1),
            ("batch_size", 1),
            ("num_calibration", 2),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} of a baseline must be at least {least}, not {getattr(self, name)}")
        for name in ("lr", "alpha_lr"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} of a baseline must be above 0, not {getattr(self, name)}")
        for name in ("momentum", "weight_decay", "clip_grad", "alpha_weight_decay"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} of a baseline must not be negative, not {getattr(self, name)}")
        if not self.momentum < 1:
            raise ConfigError(f"momentum of a baseline must be below 1, not {self.momentum}")

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
        other = {"darts": ("num_calibration",), "mnasnet": (*OF_DARTS, "num_calibration")}.get(self.method, OF_DARTS)
        return {name: value for name, value in asdict(self).items() if name not in other}
