import pytest

from helixnas.errors import ConfigError
from helixnas.teacher import TeacherConfig


@pytest.mark.parametrize(
    "weights", ["", "hub", "package", "a/b.safetensors", "b.pt", "c.pth", "d.ckpt", "e.pth.tar", "f/g"]
)
def test_weights_are_a_word_or_a_file(weights: str) -> None:
    assert TeacherConfig(weights=weights).weights == weights


def test_an_unknown_word_for_weights_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"must be empty, hub, package, or a file of weights .*; not 'pretrained'"):
        TeacherConfig(weights="pretrained")


def test_a_teacher_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="must name a timm model"):
        TeacherConfig(model="")


def test_a_boundary_named_twice_is_an_error() -> None:
    with pytest.raises(ConfigError, match="names a module twice: layer1, layer1"):
        TeacherConfig(boundaries=("layer1", "layer1"))


@pytest.mark.parametrize("weights", ["hub", "package"])
def test_a_network_of_the_space_has_no_published_weights(weights: str) -> None:
    with pytest.raises(ConfigError, match=rf"no weights are published of teacher.network='64:mb3_k3'.*not {weights}"):
        TeacherConfig(network="64:mb3_k3", weights=weights)
