"""How the chosen architecture is trained from scratch."""

from dataclasses import dataclass, field

from helixnas.engine import FitConfig
from helixnas.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class RetrainConfig:
    """Training of a searched network: from scratch, without the teacher."""

    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""

    drop_rate: float = 0.0
    """Dropout before the classifier."""

    drop_path_rate: float = 0.0
    """Stochastic depth as in timm's EfficientNet: linearly more with depth, layer l of L, from 0, has l / L of it."""

    def __post_init__(self) -> None:
        for name in ("drop_rate", "drop_path_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"retrain.{name} must be at least 0 and below 1, not {getattr(self, name)}")
