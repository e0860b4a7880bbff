import numpy as np
import pytest

from helixnas.errors import ConfigError
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import macro

NETWORK = macro().sample(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("accuracy", "message"),
    [
        ((), "a trained network needs the accuracy of at least one training"),
        ((0.5, -0.1), "an accuracy must be a share from 0 to 1, not -0.1$"),
        ((93.5,), "an accuracy must be a share from 0 to 1, not 93.5; 93.5 percent is 0.935"),
        ((float("nan"),), "an accuracy must be a share from 0 to 1, not nan$"),
    ],
)
def test_an_accuracy_that_is_no_share_is_refused(accuracy: tuple[float, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainedNetwork(architecture=NETWORK, accuracy=accuracy)


def test_the_ends_of_the_range_are_allowed_and_costs_may_be_unknown() -> None:
    assert TrainedNetwork(architecture=NETWORK, accuracy=(0.0, 1.0)).costs == {}
