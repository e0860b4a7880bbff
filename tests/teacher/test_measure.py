from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.teacher import Teacher, cut_candidates
from helixnas.teacher.measure import Measured, Refused, measure

TINY_SWIN: dict[str, Any] = {
    "img_size": 64,
    "embed_dim": 16,
    "depths": (2, 1),
    "num_heads": (1, 1),
    "window_size": 4,
}
TINY_SAM: dict[str, Any] = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 2, "global_attn_indexes": (1,)}


def verdict(model: nn.Module, name: str, size: tuple[int, int] = (64, 64)) -> Measured | Refused:
    return measure(model, [name], size, in_chans=3)[name]


def reason(model: nn.Module, name: str) -> str:
    found = verdict(model, name)
    assert isinstance(found, Refused)
    return found.reason


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


# Networks of timm


def test_windows_along_the_first_axis_are_refused_and_not_offered() -> None:
    model = timm.create_model("swin_tiny_patch4_window7_224", **TINY_SWIN)
    assert "first axis of the output of module 'layers.0.blocks.0.attn' holds windows" in reason(
        model, "layers.0.blocks.0.attn"
    )
    names = [each.name for each in cut_candidates(model, (64, 64))]
    assert "layers.0.blocks.0" in names
    assert not [name for name in names if ".attn" in name]
    with pytest.raises(TeacherError, match="holds windows, heads or tokens, not images: it has length 48 for 3 images"):
        Teacher(model, ("layers.0.blocks.0.attn",), input_size=(64, 64))


def test_channels_last_are_found_where_the_network_does_not_say_so() -> None:
    model = timm.create_model("samvit_base_patch16_224", **TINY_SAM)
    found = verdict(model, "blocks.0")
    assert isinstance(found, Measured)
    assert (found.layout.kind, found.channels, found.size) == ("nhwc", 32, (4, 4))


@pytest.mark.parametrize(
    ("model", "arguments", "prefixes"),
    [
        ("cait_xxs24_224", {"depth": 3, "embed_dim": 48}, {"blocks.0": 0, "blocks.2": 0}),
        ("convit_tiny", {"depth": 4, "local_up_to_layer": 2}, {"blocks.1": 0, "blocks.2": 1, "blocks.3": 1}),
    ],
)
def test_class_tokens_are_counted_where_they_join_late(
    model: str, arguments: dict[str, Any], prefixes: dict[str, int]
) -> None:
    network = timm.create_model(model, img_size=64, **arguments)
    for name, number in prefixes.items():
        found = verdict(network, name)
        assert isinstance(found, Measured)
        assert (found.layout.kind, found.layout.num_prefix, found.size) == ("tokens", number, (4, 4))


@pytest.mark.parametrize("size", [64, 128])
def test_unrolled_tokens_are_put_back_in_the_order_of_the_picture(size: int) -> None:
    model: Any = timm.create_model("hiera_tiny_224", img_size=size, embed_dim=24, stages=(1, 1, 2, 1)).eval()
    names = ("blocks.0", "blocks.1", "blocks.3", "blocks.4")
    teacher = Teacher(model, names, input_size=(size, size))
    images = torch.rand(2, 3, size, size)
    features, logits = teacher.features_and_logits(images)
    expected = model.forward_intermediates(
        teacher.normalize(images), indices=4, output_fmt="NCHW", intermediates_only=True
    )
    for block, features_there in enumerate(expected, start=1):
        assert torch.equal(features[block], features_there)
        assert torch.equal(teacher.continue_from(images, block, features[block]), logits)


def test_the_features_are_found_in_a_tuple_beside_other_tensors() -> None:
    model = timm.create_model("tnt_s_legacy_patch16_224", img_size=64, depth=2)
    teacher = Teacher(model, ("blocks.0", "blocks.1"), input_size=(64, 64))
    assert [layout.item for layout in teacher.layouts] == [1, 1]
    images = torch.rand(2, 3, 64, 64)
    features, logits = teacher.features_and_logits(images)
    assert features[1].shape == (2, 384, 4, 4)
    assert torch.equal(teacher.continue_from(images, 1, features[1]), logits)
    assert not torch.equal(teacher.continue_from(images, 1, torch.rand_like(features[1])), logits)


# Networks that no library describes


class Shuffled(nn.Module):
    """Patches whose order `order` changes; `last` is the shape of the output's axes."""

    def __init__(self, order: Tensor, *groups: int) -> None:
        super().__init__()
        self.patches, self.order, self.groups = nn.Conv2d(3, 6, 8, stride=8), order, groups
        self.mixed, self.head = nn.Identity(), nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)[:, self.order]
        tokens = self.mixed(tokens.unflatten(1, self.groups) if self.groups else tokens)
        return self.head(tokens.flatten(1, -2).mean(1))


WINDOWS = torch.arange(64).reshape(2, 4, 2, 4).transpose(1, 2).flatten()
ORDERS = {
    "rows": (torch.arange(64), ()),
    "columns": (torch.arange(64).reshape(8, 8).T.flatten(), ()),
    "windows": (WINDOWS, ()),
    "an axis of windows": (WINDOWS, (4, 16)),
}


@pytest.mark.parametrize(("order", "groups"), ORDERS.values(), ids=ORDERS.keys())
def test_known_orders_of_patches_are_recognised(order: Tensor, groups: tuple[int, ...]) -> None:
    model = Shuffled(order, *groups)
    teacher = Teacher(model, ("mixed",), input_size=(64, 64))
    images = torch.rand(2, 3, 64, 64)
    features, logits = teacher.features_and_logits(images)
    assert torch.equal(features[1], model.patches(teacher.normalize(images)))
    for _ in range(2):
        assert torch.equal(teacher.continue_from(images, 1, features[1]), logits)


def test_an_unknown_order_is_refused_for_that_reason_and_not_offered() -> None:
    model = Shuffled(torch.randperm(64, generator=torch.Generator().manual_seed(1)))
    assert "of shape (64, 6) per image, is not in the order of the picture" in reason(model, "mixed")
    assert [each.name for each in cut_candidates(model, (64, 64))] == ["patches"]


class Apart(nn.Module):
    """Tokens-first sequences, features of other images, and channels last."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.first, self.then = kind, nn.Conv2d(3, 4, 8, stride=8), nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        if self.kind == "sequence first":
            return self.then(x.flatten(2).permute(2, 0, 1)).mean(0)
        if self.kind == "batch":
            return self.then(x - x.mean(0, keepdim=True) * (len(x) > 1)).roll(1, 0).mean((2, 3))
        return self.then(x.permute(0, 2, 3, 1)).mean((1, 2))


def test_a_sequence_before_the_images_is_refused() -> None:
    assert "holds windows, heads or tokens, not images: it has length 64 for 3 images" in reason(
        Apart("sequence first"), "then"
    )


def test_features_that_depend_on_the_other_images_are_refused() -> None:
    assert "for an image depends on the other images of the batch" in reason(Apart("batch"), "then")


def test_channels_last_of_any_network_are_recognised() -> None:
    found = verdict(Apart("last"), "then")
    assert isinstance(found, Measured)
    assert (found.layout.kind, found.size) == ("nhwc", (8, 8))


def test_dead_features_keep_the_layout_of_their_shape() -> None:
    dead = nn.Conv2d(3, 4, 4, stride=4)
    nn.init.zeros_(dead.weight)
    model = nn.Sequential(dead, nn.ReLU(), nn.Flatten())
    found = verdict(model, "1")
    assert isinstance(found, Measured)
    assert (found.layout.kind, found.channels, found.size) == ("nchw", 4, (16, 16))


def test_measuring_leaves_modes_averages_and_random_numbers_alone() -> None:
    normalize = nn.BatchNorm2d(4)
    model = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), normalize).train()
    state = torch.get_rng_state()
    verdict(model, "1")
    assert normalize.training
    assert normalize.num_batches_tracked is not None
    assert int(normalize.num_batches_tracked) == 0
    assert torch.equal(torch.get_rng_state(), state)
