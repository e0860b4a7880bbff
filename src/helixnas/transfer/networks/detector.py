"""Detector: Faster R-CNN with a C4 backbone (Table 14), from torchvision's parts.

Everything up to stride 16 gives the one feature map; the later stages are the box head, run on the 14 x 14 features of every
region, which aligned ROI pooling cuts out. Anchors and numbers of proposals are those of Detectron2's C4 setting.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from timm.utils.model import freeze_batch_norm_2d
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign, RoIAlign

from helixnas.errors import ConfigError, first_line
from helixnas.nn import build_seeded, meta_copy
from helixnas.nn.counting import evaluating
from helixnas.transfer.networks.backbone import last_maps

STRIDE = 16
REGION_SIDE = 14
"""Side of a region's features, before the box head."""

TRIAL_SIZE = (256, 320)
"""Height and width of the image that both halves are tried with: images have any size that 32 divides."""

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
    freeze: bool = False,
    numbers: Mapping[str, int] | None = None,
    anchor_sizes: Sequence[int] = ANCHOR_SIZES,
) -> FasterRCNN:
    """Build a detector around a timm model, which is changed in place.

    It takes images in [0, 1] and scales them so that the shorter side has `image_size` pixels and the longer at most
    `max_size`. `num_classes` counts the background; `numbers` replaces some of `NUMBERS`. With `freeze`, the
    layers of `freeze_first` are not trained.

    Raises:
        ConfigError: the model has no features of stride 16, or no stage behind them that takes regions of them.
    """
    body, head, width = _split(model, name, freeze)

    def build() -> nn.Module:
        detector = FasterRCNN(
            body,
            min_size=image_size,
            max_size=max_size,
            image_mean=list(mean),
            image_std=list(std),
            rpn_anchor_generator=AnchorGenerator((tuple(anchor_sizes),), (ANCHOR_RATIOS,)),
            box_roi_pool=MultiScaleRoIAlign(["0"], REGION_SIDE, 0),
            box_head=head,
            box_predictor=FastRCNNPredictor(width, num_classes),
            **{**NUMBERS, **(numbers or {})},
        )
        detector.roi_heads.box_roi_pool = AlignedPooling()  # torchvision's constructor accepts only its own kind
        return detector

    return build_seeded(build, (seed,))  # pyright: ignore[reportReturnType] - what `build` returns


def _split(model: Any, name: str, freeze: bool) -> tuple[FeaturesAt16, BoxHead, int]:
    """Return the body up to stride 16, the box head of the later stages, and the channels of the head."""
    maps = last_maps(model, name)
    if STRIDE not in maps:
        raise ConfigError(f"{name} has no features of stride {STRIDE}, only of {', '.join(map(str, maps))}")
    (index, width), module = maps[STRIDE], model.feature_info[maps[STRIDE][0]]["module"]
    if max(maps) == STRIDE or not _stages_behind(model, module):
        raise ConfigError(
            f"{name} has no stage of its own behind stride {STRIDE} (as layer4 behind layer3), which the C4 detector uses as "
            "its box head; take another network of stride 32, such as a ResNet or an EfficientNet"
        )
    body = FeaturesAt16(model, index, width)
    channels = _width_of(body, BoxHead(nn.Sequential(*_stages_behind(model, module))), name)
    if freeze:
        freeze_first(model)
    head = BoxHead(nn.Sequential(*_stages_behind(model, module)))  # some of these may have been replaced by frozen ones
    model.prune_intermediate_layers([index])
    return body, head, channels


def _stages_behind(model: nn.Module, module: str) -> list[nn.Module]:
    """Return the stages behind the named one: those after ``blocks.4`` in its list, or ``layer4`` after ``layer3``."""
    parent, dot, name = module.rpartition(".")
    if dot:
        names, stages = zip(*model.get_submodule(parent).named_children(), strict=True)
        return list(stages[names.index(name) + 1 :])
    letters = module.rstrip("0123456789")
    digits = module.removeprefix(letters)
    following = f"{letters}{int(digits) + 1}" if digits else ""
    return [getattr(model, following)] if following and hasattr(model, following) else []


def _width_of(body: FeaturesAt16, head: BoxHead, name: str) -> int:
    """Return the channels of the head, run behind the body on the meta device; raises `ConfigError` if that fails."""
    height, width = TRIAL_SIZE
    twins: Any = meta_copy(nn.ModuleList([body, head]))
    shape = (1, body.out_channels, height // STRIDE, width // STRIDE)
    try:
        with evaluating(twins):
            maps = twins[0](torch.empty(1, 3, height, width, device="meta"))
            regions = twins[1].stages(torch.empty(1, body.out_channels, REGION_SIDE, REGION_SIDE, device="meta"))
    except Exception as error:  # the model's own code can raise anything
        raise _no_backbone(name, first_line(error).rstrip(".")) from error
    if tuple(maps.shape) != shape:
        raise _no_backbone(name, f"its features of stride {STRIDE} have the shape {tuple(maps.shape)}, not {shape}")
    if regions.ndim != 4:
        raise _no_backbone(
            name, f"its later stages give features of the shape {tuple(regions.shape)}, which are no maps"
        )
    return int(regions.shape[1])


def _no_backbone(name: str, reason: str) -> ConfigError:
    return ConfigError(
        f"{name} cannot be cut into a C4 detector, whose halves take images and regions of any size: {reason}; take a "
        "convolutional network of stride 32, such as a ResNet or an EfficientNet"
    )


def freeze_first(model: Any) -> None:
    """Freeze all batch norms, and what runs up to the end of the first stage (stride 4) entirely, in place, as C4 does."""
    reached = _reached(model, next(index for index, each in enumerate(model.feature_info) if each["reduction"] >= 4))
    freeze_batch_norm_2d(model)
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[0] in reached:
            parameter.requires_grad_(False)


def _reached(model: nn.Module, index: int) -> set[str]:
    """Return the names of the modules that run before the one of this feature map ends, itself included."""
    twin: Any = meta_copy(model)
    reached, ended = {""}, list[bool]()  # the model itself has no name

    def note(name: str) -> Callable[..., None]:
        return lambda *_: None if ended else reached.add(name)

    for name, module in twin.named_modules():
        module.register_forward_pre_hook(note(name))
    twin.get_submodule(twin.feature_info[index]["module"]).register_forward_hook(lambda *_: ended.append(True))
    with evaluating(twin):
        images = torch.empty(1, 3, *TRIAL_SIZE, device="meta")
        twin.forward_intermediates(images, indices=[index], stop_early=True, intermediates_only=True)
    return reached
