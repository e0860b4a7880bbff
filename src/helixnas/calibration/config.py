"""CalibrationConfig: how many networks are trained shortly to correct the scores, which ones, and how."""

from dataclasses import field
from typing import Annotated, Literal

from helixnas.artifacts.ranking import CALIBRATED as CALIBRATED
from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError
from helixnas.settings import Ge, Gt, Le, Unit, settings


@settings("calibration")
class CalibrationConfig:
    """Short trainings of some networks, and an additive fit that corrects the score of every path."""

    num_networks: Annotated[int, Ge(0), Unit("networks")] = 0
    """Networks to train shortly; 0 to skip calibration. The fit needs at least 3; 24 to 48 are usual."""

    scores: tuple[str, ...] = ()
    """Scores to correct, added up as in a search; empty for the recipe's `scores`, or else the first of rating.scores
    and, if there are any, the first of proxies.scores."""

    share: Annotated[float, Gt(0), Le(1)] = 0.5
    """Fraction of random networks of the space, the best by these scores, that the trained ones are chosen from: a search
    chooses among the best, and a few bad networks would dominate the fit."""

    init: Literal["scratch", "inherited"] = "scratch"
    """Initial weights of the networks: random, or those of the supernet, with a random classifier (inherited)."""

    num_epochs: Annotated[int, Ge(1), Unit("epochs")] = 2
    """Length of each training, with fit's other settings."""

    fit: FitConfig = field(default_factory=FitConfig)
    """Training of each network, over num_epochs above: fit's own number of epochs only says how its warm-up and step lengths
    are shortened."""

    @property
    def training(self) -> FitConfig:
        """How each network is trained."""
        return self.fit.shortened(self.num_epochs)

    def __post_init__(self) -> None:
        if len(set(self.scores)) < len(self.scores) or CALIBRATED in self.scores:
            raise ConfigError(
                f"calibration.scores must name scores of rating and proxies, each once, not {list(self.scores)}"
            )
        if 0 < self.num_networks < 3:
            raise ConfigError(
                "calibration.num_networks must be 0 or at least 3, since fewer networks cannot be fitted, not "
                f"{self.num_networks}"
            )
