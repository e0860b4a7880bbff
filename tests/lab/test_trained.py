import numpy as np
import pytest

from helixnas.errors import ConfigError
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import macro

ARCHITECTURE = macro().sample(np.random.default_rng(0))


def test_accuracies_from_0_to_1_are_kept_one_per_training():
    network = TrainedNetwork(architecture=ARCHITECTURE, accuracy=(0.0, 1.0))
    assert (network.accuracy, dict(network.costs)) == ((0.0, 1.0), {})


def test_a_network_without_an_accuracy_is_refused():
    with pytest.raises(ConfigError, match="^a trained network needs the accuracy of at least one training$"):
        TrainedNetwork(architecture=ARCHITECTURE, accuracy=())


@pytest.mark.parametrize(
    ("accuracy", "message"),
    [
        (93.28, "^an accuracy must be a share from 0 to 1, not 93.28; 93.28 percent is 0.9328$"),
        (-0.5, "^an accuracy must be a share from 0 to 1, not -0.5$"),
        (float("nan"), "^an accuracy must be a share from 0 to 1, not nan$"),
    ],
)
def test_an_accuracy_outside_0_to_1_is_refused(accuracy, message):
    with pytest.raises(ConfigError, match=message):
        TrainedNetwork(architecture=ARCHITECTURE, accuracy=(0.5, accuracy))
