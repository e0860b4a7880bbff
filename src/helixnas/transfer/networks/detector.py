"""Detector: Faster R-CNN with a C4 backbone (Table 14), from torchvision's parts.

Everything up to stride 16 gives the one feature map; the later stages are the box head, run on the 14 x 14 features of every
region, which aligned ROI pooling cuts out. Anchors and numbers of proposals are those of Detectron2's C4 setting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from timm.utils.model import freeze_batch_norm_2d
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign, RoIAlign

from helixnas.errors import ConfigError
from helixnas.nn import build_seeded
from helixnas.transfer.networks.backbone import last_maps

STRIDE = 16
REGION_SIDE = 14
"""Side of a region's features, before the box head."""

ANCHOR_SIZES = (32, 64, 128, 256, 512)
ANCHOR_RATIOS = (0.5, 1.0, 2.0)
NUMBERS: Mapping[str, int] = {
    "rpn_pre_nms_top_n_train": 12_000,
    "rpn_post_nms_top_n_train": 2_000,
    "rpn_pre_nms_top_n_test": 6_000,
    "rpn_post_nms_top_n_test": 1_000,
    "rpn_batch_size_per_image": 256,
    "box_batch_size_per_image": 512,
}
"""Proposals before and after suppression, and anchors and regions sampled from an image."""


class FeaturesAt16(nn.Module):
    """The feature map of stride 16 of a timm model."""

    def __init__(self, model: Any, index: int, width: int) -> None:
        super().__init__()
        self.model, self.index, self.out_channels = model, index, width

    def forward(self, images: Tensor) -> Tensor:
        """Return (batch, channels, height / 16, width / 16)."""
        maps = self.model.forward_intermediates(images, indices=[self.index], stop_early=True, intermediates_only=True)
        return maps[-1]


class AlignedPooling(nn.Module):
    """ROI pooling without rounding: 14 x 14 bins at half-pixel offsets, samples by the size of the region."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = RoIAlign(REGION_SIDE, spatial_scale=1 / STRIDE, sampling_ratio=-1, aligned=True)

    def forward(self, features: Mapping[str, Tensor], boxes: list[Tensor], shapes: Sequence[Any]) -> Tensor:
        """Return the features of all boxes (in pixels), (regions, channels, 14, 14)."""
        (maps,) = features.values()
        return self.pool(maps, boxes)


class BoxHead(nn.Module):
    """The later stages of a network and global pooling: a vector per region."""

    def __init__(self, stages: nn.Module) -> None:
        super().__init__()
        self.stages = stages

    def forward(self, regions: Tensor) -> Tensor:
        """Return (regions, channels)."""
        return self.stages(regions).mean((2, 3))


def build_detector(
    model: nn.Module,
    *,
    num_classes: int,
    image_size: int,
    max_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    seed: int,
    name: str,
    numbers: Mapping[str, int] | None = None,
    anchor_sizes: Sequence[int] = ANCHOR_SIZES,
) -> FasterRCNN:
    """Build a detector around a timm model, which is changed in place.

    It takes images in [0, 1] and scales them so that the shorter side has `image_size` pixels and the longer at most
    `max_size`. `num_classes` counts the background; `numbers` replaces some of `NUMBERS`.

    Raises:
        ConfigError: the model has no features of stride 16, or no stage behind them.
    """
    body, stages, widths = _split(model, name)

    def build() -> nn.Module:
        detector = FasterRCNN(
            body,
            min_size=image_size,
            max_size=max_size,
            image_mean=list(mean),
            image_std=list(std),
            rpn_anchor_generator=AnchorGenerator((tuple(anchor_sizes),), (ANCHOR_RATIOS,)),
            box_roi_pool=MultiScaleRoIAlign(["0"], REGION_SIDE, 0),
            box_head=BoxHead(stages),
            box_predictor=FastRCNNPredictor(widths[-1], num_classes),
            **{**NUMBERS, **(numbers or {})},
        )
        detector.roi_heads.box_roi_pool = AlignedPooling()  # torchvision's constructor accepts only its own kind
        return detector

    return build_seeded(build, (seed,))  # pyright: ignore[reportReturnType] - what `build` returns


def _split(model: Any, name: str) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """Return the body up to stride 16, the later stages, and the channels of both."""
    maps = last_maps(model, name)
    if STRIDE not in maps:
        raise ConfigError(f"{name} has no features of stride {STRIDE}, only of {', '.join(map(str, maps))}")
    index, width = maps[STRIDE]
    later = [each for reduction, (_, each) in maps.items() if reduction > STRIDE]
    stages = _stages_behind(model, model.feature_info[index]["module"])
    if not later or not stages:
        raise ConfigError(
            f"{name} has no stage behind stride {STRIDE}, which the C4 detector uses as its box head; take a network of "
            "stride 32"
        )
    return FeaturesAt16(_pruned(model, index), index, width), nn.Sequential(*stages), (width, later[-1])


def _pruned(model: Any, index: int) -> Any:
    model.prune_intermediate_layers([index])
    return model


def _stages_behind(model: nn.Module, module: str) -> list[nn.Module]:
    """Return the stages behind the named one: those after ``blocks.4`` in its list, or ``layer4`` after ``layer3``."""
    parent, dot, number = module.rpartition(".")
    if dot and number.isdigit():
        return list(model.get_submodule(parent).children())[int(number) + 1 :]
    letters = module.rstrip("0123456789")
    digits = module.removeprefix(letters)
    following = f"{letters}{int(digits) + 1}" if digits else ""
    return [getattr(model, following)] if following and hasattr(model, following) else []


def freeze_first(model: Any) -> None:
    """Freeze all batch norms, and stem and first stage entirely, in place, as the C4 setting does."""
    module = next(each["module"] for each in model.feature_info if each["reduction"] >= 4)
    freeze_batch_norm_2d(model)
    names = [name for name, _ in model.named_parameters()]
    last = max(position for position, name in enumerate(names) if name.startswith(f"{module}."))
    for name, parameter in model.named_parameters():
        if name in names[: last + 1]:
            parameter.requires_grad_(False)


def targets_of(boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the target of an image as torchvision wants it; classes count from 1."""
    return {"boxes": boxes.reshape(-1, 4), "labels": labels + 1}
