"""HelixNet: any `Architecture` as an ordinary timm model.

After ``import helixnas.zoo``, ``timm.create_model("helixnas", arch="architecture.json")`` builds a searched network
with what timm's users expect: ``features_only``, ``forward_intermediates``, ``reset_classifier``, ``pretrained_cfg``.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import torch
import torch.nn.functional as F
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import build_model_with_cfg, checkpoint_seq, generate_default_cfgs, register_model
from timm.models._features import feature_take_indices
from torch import Tensor, nn

from helixnas.artifacts.files import read_text
from helixnas.errors import ConfigError
from helixnas.nn import build_stages, classifier_of, head_features, initialize
from helixnas.space import HELIXNAS, Architecture

CONFIG = {
    "num_classes": 1000,
    "input_size": (3, 224, 224),
    "pool_size": None,
    "crop_pct": 0.875,
    "interpolation": "bicubic",
    "mean": IMAGENET_DEFAULT_MEAN,
    "std": IMAGENET_DEFAULT_STD,
    "first_conv": "stem.0.0.conv",
    "classifier": "classifier",
}
"""timm's default pretrained_cfg; override entries with ``pretrained_cfg_overlay``."""


class HelixNet(nn.Module):
    """Stem, one stage per block, 1x1 convolution or norm, pooling, linear classifier.

    The arguments are timm's: with 0 classes the network returns the pooled features, `drop_rate` is the dropout before
    the classifier, and layer l of L, counted from 0 after the first convolution, has l / L times the `drop_path_rate`.
    With an `output_stride` of 8 or 16, later layers are dilated instead of strided; 0 keeps the strides.
    Raises `ConfigError` if a rate is not in [0, 1), the number of classes or channels is too small, or a layer cannot be
    dilated.
    """

    def __init__(
        self,
        architecture: Architecture,
        num_classes: int = 1000,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        global_pool: str = "avg",
        output_stride: int = 0,
    ) -> None:
        super().__init__()
        for name, rate in (("drop_rate", drop_rate), ("drop_path_rate", drop_path_rate)):
            if not 0 <= rate < 1:
                raise ConfigError(f"{name} must be at least 0 and below 1, not {rate}")
        for name, number, least in (("num_classes", num_classes, 0), ("in_chans", in_chans, 1)):
            if number < least:
                raise ConfigError(f"{name} must be at least {least}, not {number}")
        self.architecture = architecture
        self.num_classes = num_classes
        self.in_chans = in_chans
        self.drop_rate = drop_rate
        self.grad_checkpointing = False
        rates = drop_path_rates(architecture, drop_path_rate)
        stages = (*architecture.stem, *architecture.blocks)
        modules = build_stages(
            in_chans, stages, norm_layer=nn.BatchNorm2d, drop_path_rates=rates, output_stride=output_stride
        )
        self.stem = nn.Sequential(*modules[: len(architecture.stem)])
        self.blocks = nn.Sequential(*modules[len(architecture.stem) :])
        self.feature_info = feature_info(architecture, output_stride)

        # named after the kind of MBConv networks, so that their saved weights stay readable; a layer norm has the name too
        self.conv_head, self.num_features = head_features(stages[-1].path.width, architecture.head)
        self.global_pool, self.classifier = classifier_of(self.num_features, num_classes, pool_type=global_pool)
        self.head_hidden_size = self.num_features
        initialize(self)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return timm's patterns that group parameters for layer-wise learning rates."""
        layer = r"^blocks\.(\d+)" if coarse else r"^blocks\.(\d+)\.(\d+)"
        return {"stem": r"^stem", "blocks": [(layer, None), (r"^conv_head", (99999,))]}

    def no_weight_decay(self) -> set[str]:
        """Return the names of the position embeddings, which timm's optimisers then do not decay."""
        return {name for name, _ in self.named_parameters() if name.endswith("pos_embed")}

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade computation for memory: store only the features between layers for the backward pass."""
        self.grad_checkpointing = enable

    def get_classifier(self) -> nn.Module:
        """Return the linear layer, or an identity for 0 classes."""
        return self.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier; with 0 classes the network returns the pooled features."""
        if num_classes < 0:
            raise ConfigError(f"num_classes must be at least 0, not {num_classes}")
        self.num_classes = num_classes
        pool = self.global_pool.pool_type if global_pool is None else global_pool
        self.global_pool, self.classifier = classifier_of(self.num_features, num_classes, pool_type=pool)
        device = next(self.parameters()).device
        self.global_pool.to(device)
        self.classifier.to(device)

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Return the intermediate features with these indices of `feature_info`, and by default the final features.

        With `norm`, a head that is a norm is applied to the features of the last block.
        """
        if output_fmt != "NCHW":
            raise ConfigError(f"output_fmt must be NCHW, not {output_fmt!r}")
        take, last = feature_take_indices(len(self.feature_info), _plain(indices))
        wanted = {self.feature_info[index]["module"] for index in take}
        x = self.stem(x)
        intermediates = [x] if "stem" in wanted else []
        end = _stage_number(self.feature_info[last]["module"]) + 1 if stop_early else len(self.blocks)
        for number, stage in enumerate(self.blocks[:end]):
            x = stage(x)
            if f"blocks.{number}" in wanted:
                intermediates.append(x)
        final = self.conv_head(x) if end == len(self.blocks) else x
        if norm and self.architecture.head.kind == "norm" and f"blocks.{len(self.blocks) - 1}" in wanted:
            intermediates[-1] = final
        return intermediates if intermediates_only else (final, intermediates)

    def prune_intermediate_layers(
        self, indices: int | Sequence[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Remove the stages that the features with these indices do not need; return the indices kept."""
        take, last = feature_take_indices(len(self.feature_info), _plain(indices))
        self.blocks = self.blocks[: _stage_number(self.feature_info[last]["module"]) + 1]
        if prune_norm or prune_head:
            self.conv_head = nn.Identity()
            self.num_features = self.head_hidden_size = self.feature_info[last]["num_chs"]
        if prune_head:
            self.reset_classifier(0, "")
        return take

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the features before pooling, (batch, num_features, height, width)."""
        x = self.stem(x)
        if self.grad_checkpointing and not torch.jit.is_scripting():
            x = checkpoint_seq(self.blocks, x, flatten=True)
        else:
            x = self.blocks(x)
        return self.conv_head(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool and classify features."""
        x = self.global_pool(x)
        if self.drop_rate > 0.0:
            x = F.dropout(x, p=self.drop_rate, training=self.training)
        return x if pre_logits else self.classifier(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


def feature_info(architecture: Architecture, output_stride: int = 0) -> list[dict[str, Any]]:
    """Return timm's feature_info: the last module at every reduction; the stem counts as one module.

    With an `output_stride`, the list has the same modules, and no reduction above it, as in timm.

    A network whose stem cuts the image into patches keeps its grid over several blocks, so it has one feature map per
    block, as timm's vision transformers do.

    >>> from helixnas.space import macro
    >>> space = macro(depths=(1, 1, 1))
    >>> [info["reduction"] for info in feature_info(space.parse("64:identity 128:identity 256:identity"))]
    [1, 2, 4, 8]
    """
    last: dict[int, dict[str, Any]] = {}
    reduction = math.prod(stage.stride for stage in architecture.stem)
    has_patches = any(operation.kind == "patch" for stage in architecture.stem for operation in stage.path.operations)
    if architecture.stem and not has_patches:
        width = architecture.stem[-1].path.width
        last[reduction] = {"num_chs": width, "reduction": reduction, "module": "stem"}
    for number, stage in enumerate(architecture.blocks):
        reduction *= stage.stride
        info = {"num_chs": stage.path.width, "reduction": reduction, "module": f"blocks.{number}"}
        last[number if has_patches else reduction] = info
    found = [{**info, "stage": index} for index, info in enumerate(last.values())]
    return [{**info, "reduction": min(info["reduction"], output_stride or info["reduction"])} for info in found]


def drop_path_rates(architecture: Architecture, rate: float) -> list[tuple[float, ...]]:
    """Return the stochastic-depth rate of every layer, by stage of stem and blocks; 0 in the first stage of the stem.

    >>> from helixnas.space import macro
    >>> drop_path_rates(macro(depths=(1, 2, 1)).parse("64:mb3_k3 128:mb3_k3,mb6_k5 256:identity"), 0.5)
    [(0.0,), (0.0,), (0.125, 0.25), (0.375,)]
    """
    stages = (*architecture.stem, *architecture.blocks)
    first = architecture.stem[0].path.depth if architecture.stem else 0
    total = sum(stage.path.depth for stage in stages) - first
    rates, number = list[tuple[float, ...]](), -first
    for stage in stages:
        depth = stage.path.depth
        rates.append(tuple(rate * max(0, layer) / total for layer in range(number, number + depth)))
        number += depth
    return rates


def _plain(indices: int | Sequence[int] | None) -> int | list[int] | None:
    """Return `indices` in the types that timm accepts."""
    return indices if indices is None or isinstance(indices, int) else list(indices)


def _stage_number(module: str) -> int:
    return -1 if module == "stem" else int(module.removeprefix("blocks."))


default_cfgs = generate_default_cfgs({HELIXNAS: CONFIG})


@register_model
def helixnas(
    pretrained: bool = False,
    arch: str | FilePath | Architecture | Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """Build a network from its architecture.

    `arch` is an `Architecture`, its dict, or the path of an ``architecture.json``. With `pretrained`, the weights that
    `pretrained_cfg` points to (a local folder, a file, a hub) are loaded; `kwargs` are those of `HelixNet` and timm.

    Raises:
        ConfigError: `arch` is missing, or `pretrained` is set and `pretrained_cfg` names no weights.
        ArtifactError, SpaceError: the file is missing or is not an architecture.
    """
    require_weights(HELIXNAS, pretrained, kwargs)
    if arch is None:
        raise ConfigError('the model "helixnas" needs arch=, the path of an architecture.json or an Architecture')
    if isinstance(arch, Mapping):
        arch = Architecture.from_dict(arch)
    elif not isinstance(arch, Architecture):
        arch = Architecture.from_json(read_text(FilePath(arch)))
    return create_helix_net(HELIXNAS, arch, pretrained=pretrained, **kwargs)


def require_weights(name: str, pretrained: bool, arguments: Mapping[str, Any]) -> None:
    """Raise `ConfigError` if pretrained weights are wanted and the arguments do not say where they are."""
    configs = (arguments.get(source) for source in ("pretrained_cfg", "pretrained_cfg_overlay"))
    places = {key: value for config in configs if isinstance(config, Mapping) for key, value in config.items()}
    if pretrained and not any(places.get(key) for key in ("file", "url", "hf_hub_id", "state_dict")):
        raise ConfigError(
            f"no weights are published with HelixNAS; build {name} without pretrained=True and train it, or load your "
            "own weights"
        )


def create_helix_net(variant: str, architecture: Architecture, *, pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build `architecture` with timm's builder, under the name of a registered model."""
    features = {"out_indices": tuple(range(len(feature_info(architecture)))), "feature_cls": "getter"}
    return build_model_with_cfg(
        HelixNet, variant, pretrained, feature_cfg=features, architecture=architecture, **kwargs
    )
