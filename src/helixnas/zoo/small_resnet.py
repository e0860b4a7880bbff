"""A residual network for small images: a stem of stride 1, then residual stages of any width, depth and stride.

Most timm networks reduce the image fourfold before the first stage, too much for 16 or 32 pixels. Downsampling by pooling
is more accurate at equal multiply-adds and few epochs than by strides (docs/log.md).
"""

from collections.abc import Sequence
from typing import Any

from timm.layers import BatchNormAct2d, ConvNormAct
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnet import BasicBlock, downsample_conv
from torch import Tensor, nn

from helixnas.errors import ConfigError
from helixnas.nn import classifier_of
from helixnas.zoo.helix_net import require_weights


class SmallResNet(nn.Module):
    """3x3 stem of stride 1, then ``layer1``, ``layer2``, ... of basic blocks, pooling, linear classifier.

    `channels`, `layers` and `strides` have one entry per stage. With `downsampling` by ``stride``, a stage has that many
    basic blocks; with ``pool``, a convolution, max pooling and a residual branch of that many convolutions. The other
    arguments are timm's; with 0 classes the network returns the pooled features.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256),
        layers: Sequence[int] = (2, 2, 2),
        strides: Sequence[int] = (2, 2, 2),
        downsampling: str = "stride",
        stem_width: int = 32,
        num_classes: int = 10,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        global_pool: str = "avg",
    ) -> None:
        super().__init__()
        lengths = len(channels), len(layers), len(strides)
        if len(set(lengths)) > 1 or not channels:
            raise ConfigError(
                "channels, layers and strides need one entry per stage, not {}, {} and {}".format(*lengths)
            )
        if downsampling not in ("stride", "pool"):
            raise ConfigError(f"downsampling must be stride or pool, not {downsampling!r}")
        build = _stage if downsampling == "stride" else _pooled_stage
        self.num_classes = num_classes
        self.stem = ConvNormAct(in_chans, stem_width, 3)
        self.feature_info: list[dict[str, Any]] = []
        width, reduction = stem_width, 1
        for number, (channel, depth, stride) in enumerate(zip(channels, layers, strides, strict=True), start=1):
            self.add_module(f"layer{number}", build(width, channel, depth, stride))
            width, reduction = channel, reduction * stride
            self.feature_info.append({"num_chs": channel, "reduction": reduction, "module": f"layer{number}"})
        self.num_stages = len(channels)
        self.num_features = self.head_hidden_size = width
        self.global_pool, self.fc = classifier_of(width, num_classes, pool_type=global_pool)
        self.head_drop = nn.Dropout(drop_rate)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Return timm's patterns that group parameters for layer-wise learning rates."""
        return {"stem": r"^stem", "blocks": r"^layer(\d+)" if coarse else r"^layer(\d+)\.(\d+)"}

    def get_classifier(self) -> nn.Module:
        """Return the linear layer."""
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str = "avg") -> None:
        """Replace the classifier; with 0 classes the network returns the pooled features."""
        self.num_classes = num_classes
        self.global_pool, self.fc = classifier_of(self.num_features, num_classes, pool_type=global_pool)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the features before pooling."""
        x = self.stem(x)
        for name, module in self.named_children():  # TorchScript knows no `get_submodule`
            if name.startswith("layer"):
                x = module(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool and classify features."""
        x = self.head_drop(self.global_pool(x))
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


def _stage(received: int, channels: int, depth: int, stride: int) -> nn.Sequential:
    changes = stride != 1 or received != channels
    shortcut = downsample_conv(received, channels, 1, stride=stride) if changes else None
    first = BasicBlock(received, channels, stride=stride, downsample=shortcut)
    return nn.Sequential(first, *(BasicBlock(channels, channels) for _ in range(depth - 1)))


class Residual(nn.Module):
    """Adds the output of a branch to its input."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x + branch(x)``."""
        return x + self.branch(x)


def _pooled_stage(received: int, channels: int, depth: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(received, channels, 3, padding=1, bias=False),
        nn.MaxPool2d(stride) if stride > 1 else nn.Identity(),
        BatchNormAct2d(channels),
        Residual(nn.Sequential(*(ConvNormAct(channels, channels, 3) for _ in range(depth)))),
    )


default_cfgs = generate_default_cfgs(
    {
        "small_resnet": {
            "num_classes": 10,
            "input_size": (3, 32, 32),
            "pool_size": None,
            "crop_pct": 1.0,
            "interpolation": "bicubic",
            "mean": (0.4914, 0.4822, 0.4465),
            "std": (0.2470, 0.2435, 0.2616),
            "first_conv": "stem.conv",
            "classifier": "fc",
        }
    }
)


@register_model
def small_resnet(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build a residual network for small images; arguments are those of `SmallResNet`."""
    require_weights("small_resnet", pretrained, {})
    stages = tuple(range(len(kwargs.get("channels", (64, 128, 256)))))
    return build_model_with_cfg(SmallResNet, "small_resnet", False, feature_cfg={"out_indices": stages}, **kwargs)
