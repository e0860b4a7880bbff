"""The registry that builds the module of an `Operation` from timm's blocks.

Supernet and final network are built by the same functions, so the layers that are rated are the layers that are built.
Register an operation of your own with a decorator::

    @register_operation("ghost")
    def ghost(operation: Operation, place: Place) -> nn.Module:
        return GhostModule(place.in_width, place.out_width, stride=place.stride, norm_layer=place.norm_layer)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, cast

from timm.layers import ConvNormAct, get_act_layer
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual, SqueezeExcite
from torch import nn

from helixnas.errors import ConfigError, SpaceError, UnknownNameError, on_one_line
from helixnas.nn.attention import AttentionLayer
from helixnas.nn.dilation import Step, require_output_stride, steps
from helixnas.nn.patches import PatchEmbedding
from helixnas.space import Operation, Stage
from helixnas.space.grids import HEAD_DIM, require_hidden_units, require_whole_heads, require_whole_patches

NormLayer = Callable[..., nn.Module]
"""Builds a normalisation layer from the number of channels."""

BATCH_STATISTICS: NormLayer = partial(nn.BatchNorm2d, track_running_stats=False)
"""Batch norm that always uses batch statistics: a supernet's running averages would mix its paths."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Position of a layer in a network: input and output channels, stride, grid and regularisation."""

    in_width: int
    out_width: int
    stride: int = 1
    norm_layer: NormLayer = nn.BatchNorm2d
    """Normalisation: with running averages in a network, `BATCH_STATISTICS` in a supernet."""

    drop_path_rate: float = 0.0
    """Probability of skipping a residual layer while training (stochastic depth)."""

    grid: int = 0
    """Height and width of the input map; 0 if unknown. Patch convolutions check it; the weights never depend on it."""

    dilation: int = 1
    """Distance between the pixels that a convolution sees, for dense tasks; layers without a kernel ignore it."""


Builder = Callable[[Operation, Place], nn.Module]
_BUILDERS: dict[str, Builder] = {}


def register_operation(kind: str) -> Callable[[Builder], Builder]:
    """Register the function that builds operations of `kind`; a later registration replaces an earlier one.

    The layer must have `Place.in_width` input and `Place.out_width` output channels, and output size
    ceil(size / `Place.stride`).
    """

    def register(builder: Builder) -> Builder:
        _BUILDERS[kind] = builder
        return builder

    return register


def operation_builder(kind: str) -> Builder:
    """Return the function that is registered for a kind of operation; raises `UnknownNameError` for an unknown one."""
    if kind not in _BUILDERS:
        raise UnknownNameError("operation kind", kind, _BUILDERS)
    return _BUILDERS[kind]


def build_operation(operation: Operation, place: Place) -> nn.Module:
    """Build the module of one operation; the output size of the built-in ones is ceil(size / stride).

    Raises:
        UnknownNameError: no such kind is registered, or the kind has no such option.
        SpaceError: an option has an invalid value.

    >>> operation = Operation.of("conv_k3", kind="conv", kernel=3)
    >>> build_operation(operation, Place(in_width=3, out_width=8, stride=2)).conv.weight.shape
    torch.Size([8, 3, 3, 3])
    """
    builder = operation_builder(operation.kind)
    try:
        return builder(operation, place)
    except SpaceError:
        raise
    except (TypeError, ValueError, KeyError, AssertionError, ArithmeticError) as error:
        raise SpaceError(
            f"operation {operation.name!r} cannot be built with {dict(operation.options)}: {on_one_line(error)}"
        ) from error


def build_stage(
    in_width: int,
    stage: Stage,
    *,
    norm_layer: NormLayer,
    drop_path_rates: tuple[float, ...],
    steps: Sequence[Step] | None = None,
) -> nn.Sequential:
    """Build the layers of a stage; the first takes `in_width` channels and has the stage's stride.

    `steps` replaces strides and dilations, for dense tasks. Raises `ConfigError` if a layer that is not a convolution would
    lose its stride.
    """
    places = stage.places(in_width)
    taken = [Step(at.stride, 1) for at in places] if steps is None else steps
    layers: list[nn.Module] = []
    for operation, at, step, rate in zip(stage.path.operations, places, taken, drop_path_rates, strict=True):
        widths = {"in_width": at.in_width, "out_width": at.out_width}
        rates: dict[str, Any] = {"norm_layer": norm_layer, "drop_path_rate": rate}
        if step.is_kept and operation.kind in ("attention", "patch"):
            raise ConfigError(
                f"output_stride needs convolutions: {operation.name} merges pixels into patches, and cannot keep its map"
            )
        layer = build_operation(operation, Place(**widths, stride=step.stride, dilation=step.dilation, **rates))
        if step.is_kept and hasattr(layer, "has_skip"):
            layer.has_skip = False  # pyright: ignore[reportArgumentType] - no shortcut, as with the stride
        layers.append(layer)
    return nn.Sequential(*layers)


def build_stages(
    in_width: int,
    stages: Sequence[Stage],
    *,
    norm_layer: NormLayer,
    drop_path_rates: Sequence[tuple[float, ...]] | None = None,
    output_stride: int = 0,
) -> nn.Sequential:
    """Build stages one after another; without `drop_path_rates` there is no stochastic depth.

    From the `output_stride` on, layers are dilated instead of strided; 0 keeps all strides. Raises `ConfigError` if it is
    not one of 0, 8, 16 and 32.
    """
    require_output_stride(output_stride)
    rates = [(0.0,) * stage.path.depth for stage in stages] if drop_path_rates is None else drop_path_rates
    strides = [at.stride for stage in stages for at in stage.places(1)]
    taken = iter(steps(strides, output_stride))
    modules: list[nn.Module] = []
    for stage, own in zip(stages, rates, strict=True):
        each = list(islice(taken, stage.path.depth))
        modules.append(build_stage(in_width, stage, norm_layer=norm_layer, drop_path_rates=own, steps=each))
        in_width = stage.path.width
    return nn.Sequential(*modules)


def activation_layer(name: str) -> type[nn.Module]:
    """Return timm's activation layer of that name; raises `UnknownNameError` if there is none."""
    try:
        layer = get_act_layer(name)
    except KeyError:
        layer = None
    if layer is None:
        raise UnknownNameError("activation", name, ("relu", "relu6", "silu", "gelu", "hard_swish", "mish"))
    return cast(type[nn.Module], layer)


def _options(operation: Operation, **defaults: Any) -> dict[str, Any]:
    """Return `defaults` updated by the operation's options; options must be valid and have a default."""
    for name, _ in operation.options:
        if name not in defaults:
            raise UnknownNameError(f"option of operation {operation.name!r}", name, defaults)
    options = {**defaults, **dict(operation.options)}
    for name, valid, rule in _RULES:
        if name in options and not valid(options[name]):
            raise SpaceError(f"option {name!r} of operation {operation.name!r} must be {rule}, not {options[name]!r}")
    return options


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("kernel", lambda value: type(value) is int and value > 0 and value % 2 == 1, "an odd whole number"),
    ("expansion", lambda value: _is_number(value) and value > 0, "a number above 0"),
    (
        "hidden",
        lambda value: type(value) is int and value >= 0 and value % 8 == 0,
        "a multiple of 8, as timm rounds it",
    ),
    ("se_ratio", lambda value: _is_number(value) and value >= 0, "a number of at least 0"),
    ("activation", lambda value: isinstance(value, str), "a name"),
    ("heads", lambda value: type(value) is int and value >= 0, "a whole number of at least 0"),
    ("head_dim", lambda value: type(value) is int and value > 0, "a whole number above 0"),
    ("mlp_ratio", lambda value: _is_number(value) and value > 0, "a number above 0"),
    ("qkv_bias", lambda value: isinstance(value, bool), "true or false"),
    ("layer_scale", lambda value: _is_number(value) and value >= 0, "a number of at least 0"),
    ("grid", lambda value: type(value) is int and value >= 0, "a whole number of at least 0"),
)
"""Valid values of the options of built-in kinds. With an even kernel the output would be one pixel short."""


def _mobile(
    kind: Callable[..., Any], options: Mapping[str, Any], place: Place, *, se_ratio: float, **more: Any
) -> nn.Module:
    """Build one of timm's mobile layers; `se_ratio` is relative to the channels of the depthwise convolution."""
    layer = kind(
        place.in_width,
        place.out_width,
        dw_kernel_size=options["kernel"],
        stride=place.stride,
        act_layer=activation_layer(options["activation"]),
        norm_layer=place.norm_layer,
        se_layer=partial(SqueezeExcite, rd_ratio=se_ratio) if se_ratio else None,
        drop_path_rate=place.drop_path_rate,
        dilation=place.dilation,
        **more,
    )
    layer.conv_dw.padding = (options["kernel"] // 2 * place.dilation,) * 2  # timm's differs for strides above 2
    return layer


@register_operation("mbconv")
def mbconv(operation: Operation, place: Place) -> nn.Module:
    """Mobile inverted bottleneck of `hidden` channels or, if 0, `expansion` times the input width.

    The width of squeeze-excite is relative to the *input* width, as in EfficientNet.
    """
    options = _options(operation, kernel=3, expansion=6, hidden=0, se_ratio=0.25, activation="silu")
    expansion, hidden = options["expansion"], options["hidden"]
    if hidden:
        if operation.option("expansion"):
            raise SpaceError(f"operation {operation.name!r} has both expansion and hidden; one follows from the other")
        expansion = hidden / place.in_width
    ratio = float(options["se_ratio"]) / float(expansion)
    return _mobile(InvertedResidual, options, place, se_ratio=ratio, exp_ratio=expansion)


@register_operation("separable")
def separable(operation: Operation, place: Place) -> nn.Module:
    """Depthwise-separable layer: depthwise convolution, squeeze-excite, 1x1 projection; residual where shapes agree."""
    options = _options(operation, kernel=3, se_ratio=0.25, activation="silu")
    return _mobile(DepthwiseSeparableConv, options, place, se_ratio=options["se_ratio"])


@register_operation("conv")
def conv(operation: Operation, place: Place) -> nn.Module:
    """Convolution, batch norm, activation: the stem's first layer."""
    options = _options(operation, kernel=3, activation="silu")
    return ConvNormAct(
        place.in_width,
        place.out_width,
        kernel_size=options["kernel"],
        padding=options["kernel"] // 2 * place.dilation,
        stride=place.stride,
        dilation=place.dilation,
        norm_layer=place.norm_layer,  # pyright: ignore[reportArgumentType] - timm accepts a partial
        act_layer=activation_layer(options["activation"]),
    )


@register_operation("image")
def image(operation: Operation, place: Place) -> nn.Module:
    """The image as it is: the stem of a space whose first layer is searched."""
    _options(operation)
    if place.in_width != place.out_width or place.stride != 1:
        raise SpaceError(
            f"operation {operation.name!r} passes {place.in_width} channels on unchanged, so it needs that width and stride 1, "
            f"not width {place.out_width} and stride {place.stride}"
        )
    return nn.Identity()


@register_operation("projection")
def projection(operation: Operation, place: Place) -> nn.Module:
    """1x1 convolution and batch norm: NAS-Bench-Macro's identity where width or resolution changes."""
    _options(operation)
    return ConvNormAct(
        place.in_width,
        place.out_width,
        kernel_size=1,
        padding=0,
        stride=place.stride,
        norm_layer=place.norm_layer,  # pyright: ignore[reportArgumentType] - as above
        apply_act=False,
    )


@register_operation("attention")
def attention(operation: Operation, place: Place) -> nn.Module:
    """Transformer layer (`helixnas.nn.attention`); the number of heads is `heads` or, if 0, the width over `head_dim`."""
    options = _options(
        operation, heads=0, head_dim=HEAD_DIM, mlp_ratio=4.0, qkv_bias=True, layer_scale=0.0, activation="gelu"
    )
    head_dim = _head_dim(operation, options, place.out_width)
    require_hidden_units(place.out_width, options["mlp_ratio"])
    if place.grid:
        require_whole_patches(place.grid, place.grid, place.stride)
    return AttentionLayer(
        place.in_width,
        place.out_width,
        num_heads=place.out_width // head_dim,
        head_dim=head_dim,
        stride=place.stride,
        mlp_ratio=float(options["mlp_ratio"]),
        qkv_bias=options["qkv_bias"],
        layer_scale=options["layer_scale"],
        activation=activation_layer(options["activation"]),
        drop_path_rate=place.drop_path_rate,
    )


def _head_dim(operation: Operation, options: Mapping[str, Any], width: int) -> int:
    """Return the channels of a head; raises `SpaceError` if heads do not divide the width."""
    heads = options["heads"]
    if heads and operation.option("head_dim"):
        raise SpaceError(f"operation {operation.name!r} has both heads and head_dim; one follows from the other")
    require_whole_heads(width, heads or options["head_dim"], "heads" if heads else "channels")
    return width // heads if heads else options["head_dim"]


@register_operation("patch")
def patch(operation: Operation, place: Place) -> nn.Module:
    """Patch embedding, the stem of a vision transformer: patches of the stride's size, with positions for `grid` > 0."""
    options = _options(operation, grid=0)
    if place.grid:
        require_whole_patches(place.grid, place.grid, place.stride)
    return PatchEmbedding(place.in_width, place.out_width, place.stride, grid=options["grid"])
