"""One trained network of a benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helixnas.errors import ConfigError
from helixnas.space import Architecture


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """An architecture and how well it did when it was trained.

    Raises:
        ConfigError: there is no accuracy, or one is not a share from 0 to 1.
    """

    architecture: Architecture
    """What was trained."""

    accuracy: tuple[float, ...]
    """Per training, the share of test images that were classified right, 0 .. 1."""

    costs: Mapping[str, int] = field(default_factory=dict[str, int])
    """What it costs by resource (``macs``, ``params``), where that is known."""

    def __post_init__(self) -> None:
        if not self.accuracy:
            raise ConfigError("a trained network needs the accuracy of at least one training")
        for value in self.accuracy:
            if not 0.0 <= value <= 1.0:
                hint = f"; {value:g} percent is {value / 100:g}" if 1 < value <= 100 else ""
                raise ConfigError(f"an accuracy must be a share from 0 to 1, not {value:g}{hint}")
