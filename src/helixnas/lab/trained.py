"""One trained network of a benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helixnas.errors import ConfigError
from helixnas.space import Architecture


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """An architecture and the accuracies it reached when trained.

    Raises `ConfigError` if there is no accuracy, or one is not a share from 0 to 1.
    """

    architecture: Architecture
    accuracy: tuple[float, ...]
    """Per training, top-1 accuracy on the test images, 0 .. 1."""

    costs: Mapping[str, int] = field(default_factory=dict[str, int])
    """Known costs by resource (``macs``, ``params``)."""

    def __post_init__(self) -> None:
        if not self.accuracy:
            raise ConfigError("a trained network needs the accuracy of at least one training")
        for value in self.accuracy:
            if not 0.0 <= value <= 1.0:
                hint = f"; {value:g} percent is {value / 100:g}" if 1 < value <= 100 else ""
                raise ConfigError(f"an accuracy must be a share from 0 to 1, not {value:g}{hint}")
