"""Pretrained start: the largest slices of slimmable cells begin with the weights of a vision transformer, the teacher.

The teacher's layers are ordered by importance (`helixnas.supernet.importance`), so every slice begins with the channels,
heads and hidden units that matter most. Adapters and the patch convolutions between widths begin as selections of channels. The
path of the largest width and ratio, with as many layers as the teacher's block, then computes what that block computes on
the same tokens; a class token is not among the student's.

A cell of fewer layers begins with layers of the block at equal distances; a deeper one has further layers at its end that
begin as the identity.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from timm.layers import Mlp
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.nn.attention import NORM_EPS, AttentionLayer
from helixnas.nn.operations import activation_layer
from helixnas.nn.patches import PatchConv, PatchEmbedding, positions_at
from helixnas.space import SearchSpace
from helixnas.space.grids import HEAD_DIM
from helixnas.space.slicing import mlp_ratio_of
from helixnas.supernet.importance import Layer, layers
from helixnas.supernet.slimmable import SlimmableCells
from helixnas.supernet.supernet import Supernet

OTHERWISE = "or choose supernet.init=random"
"""Ends every message about a teacher whose weights do not fit."""


def require_same_layers(space: SearchSpace, model: nn.Module, boundaries: Sequence[str]) -> VisionTransformer:
    """Return the teacher's network if its layers are those of the largest path of the space.

    Raises `TeacherError` if not; the message says what would be right.
    """
    if not isinstance(model, VisionTransformer) or not all(_is_plain(block) for block in model.blocks):
        raise TeacherError(
            "supernet.init=teacher needs a vision transformer of timm with plain layers (attention and MLP behind layer norms "
            f"of epsilon {NORM_EPS:g}) as the teacher, such as deit_small_patch16_224, but it is a {type(model).__name__}; "
            "choose another teacher or supernet.init=random"
        )
    layers_of(model, boundaries)
    first, width = layers(model)[0], model.embed_dim
    hidden, has_bias = first.mlp.fc1.out_features, first.attn.qkv.bias is not None
    patch = model.patch_embed.patch_size
    _require("stem_width", space.stem_width, width)
    _require("patch", (space.stem_stride,) * 2, tuple(patch), shown=patch[0])
    _require("strides", tuple(block.stride for block in space.blocks), (1,) * len(space.blocks))
    if model.pos_embed is not None:
        _require("positions", bool(space.stem[-1].path.operations[0].option("grid")), True)
    for number, block in enumerate(space.blocks, start=1):
        _require(f"the largest of dimensions in block {number}", block.widths[-1], width)
        operations = {op for cell in block.cells for layer in cell.layers for op in layer}
        ratio = max(map(mlp_ratio_of, operations))
        _require(
            f"the largest of mlp_ratios in block {number}", int(width * ratio), hidden, shown=f"{hidden / width:g}"
        )
        for operation in operations:
            _require("head_dim", operation.option("head_dim", HEAD_DIM), first.attn.head_dim)
            if has_bias:
                _require("qkv_bias", operation.option("qkv_bias", True), True)
            own = activation_layer(str(operation.option("activation", "gelu")))()
            points = torch.linspace(-4, 4, 33, device="cpu")
            if not torch.allclose(own(points), first.mlp.act(points)):
                raise TeacherError(
                    f"supernet.init=teacher needs the teacher's activation, {type(first.mlp.act).__name__}, but operation "
                    f"{operation.name} has another; change it, {OTHERWISE}"
                )
    return model


def _require(name: str, found: object, needed: object, *, shown: object = None) -> None:
    if found != needed:
        raise TeacherError(
            f"supernet.init=teacher needs the sizes of the teacher in the space: {name} must be "
            f"{needed if shown is None else shown}; change it, {OTHERWISE}"
        )


def _is_plain(block: Layer) -> bool:
    if type(block) is not Block or type(block.attn) is not Attention or type(block.mlp) is not Mlp:
        return False
    attn, mlp = block.attn, block.mlp
    absent = (attn.q_norm, attn.k_norm, getattr(attn, "norm", nn.Identity()), getattr(mlp, "norm", nn.Identity()))
    norms = all(isinstance(norm, nn.LayerNorm) and norm.eps == NORM_EPS for norm in (block.norm1, block.norm2))
    return norms and getattr(attn, "gate", None) is None and all(isinstance(each, nn.Identity) for each in absent)


def layers_of(model: VisionTransformer, boundaries: Sequence[str]) -> list[list[Layer]]:
    """Return the teacher's layers in every block; raises `TeacherError` if a boundary is not the end of a layer."""
    names = {f"blocks.{index}": index + 1 for index in range(len(model.blocks))}
    for name in boundaries:
        if name not in names:
            raise TeacherError(
                f"supernet.init=teacher needs boundaries at whole layers, {next(iter(names))} to {list(names)[-1]}, but "
                f"teacher.boundaries names {name}; change it, {OTHERWISE}"
            )
    return [layers(model)[start:end] for start, end in pairwise([0, *(names[name] for name in boundaries)])]


@torch.no_grad()
def begin_from_teacher(supernet: Supernet, model: VisionTransformer, boundaries: Sequence[str]) -> None:
    """Give the slimmable cells of a supernet the weights of the teacher's layers.

    The layers must fit (`require_same_layers`), and should be ordered by importance.
    """
    for block, given in zip(supernet, layers_of(model, boundaries), strict=True):
        for shared in block.cells:
            assert isinstance(shared, SlimmableCells), "supernet.init=teacher needs supernet.slimmable"
            for module in (*shared.entries.values(), *shared.exits.values()):
                for part in module.modules():
                    if isinstance(part, PatchEmbedding):
                        _begin_embedding(part, model)
            for adapters in (shared.entries, shared.exits):
                for key, adapter in adapters.items():
                    if isinstance(adapter, nn.Conv2d):
                        select_channels(adapter, suffix=key.endswith("-suffix"))
            for number, layer in enumerate(spread(given, len(shared.layers))):
                _begin_layer(shared, number, layer)


def spread(given: Sequence[Layer], depth: int) -> list[Layer | None]:
    """Return `depth` of some layers at equal distances; None for each that is more than there are.

    >>> spread("abcd", 2), spread("abc", 2), spread("ab", 3)
    (['b', 'd'], ['a', 'c'], ['a', 'b', None])
    """
    number = len(given)
    if depth > number:
        return [*given, *[None] * (depth - number)]
    return [given[(2 * index + 1) * number // (2 * depth)] for index in range(depth)]


def select_channels(convolution: nn.Conv2d, *, suffix: bool = False) -> None:
    """Make a 1x1 convolution pass on its first channels, or its last ones, and zeros where it has too few."""
    given, received = convolution.weight.shape[:2]
    columns = torch.arange(min(given, received), device=convolution.weight.device)
    convolution.weight.zero_()
    convolution.weight[columns + (given - len(columns)) * suffix, columns + (received - len(columns)) * suffix] = 1
    assert convolution.bias is not None, "adapters and patch convolutions have one"
    convolution.bias.zero_()


def _begin_layer(shared: SlimmableCells, number: int, given: Layer | None) -> None:
    layer = shared.layer(number)
    for family, stored in layer.stored.items():
        assert isinstance(stored, AttentionLayer), "checked by require_sliceable"
        if isinstance(stored.entry, PatchConv):
            select_channels(stored.entry)
        if given is None:
            stored.silence()
            continue
        _copy_layer(stored, given)
        for key, norms in layer.norms[family].named_children():
            for name, norm in norms.named_children():
                source = cast(nn.LayerNorm, given.get_submodule(name))
                for own, theirs in zip(norm.parameters(), source.parameters(), strict=True):
                    size = len(own)
                    own.copy_(theirs[-size:] if key.endswith("-suffix") else theirs[:size])


def _copy_layer(stored: AttentionLayer, given: Layer) -> None:
    """Copy timm's layer into the stored one; a layer scale that only one of them has is folded, or set to 1."""
    weights, biases = given.attn.qkv.weight.chunk(3), given.attn.qkv.bias
    for index, part in enumerate((stored.attn.q, stored.attn.k, stored.attn.v)):
        _copy_linear(part, weights[index], None if biases is None else biases.chunk(3)[index])
    parts: Layer = stored
    _copy_linear(parts.mlp.fc1, given.mlp.fc1.weight, given.mlp.fc1.bias)
    for last, theirs, own_scale, scale in (
        (parts.attn.proj, given.attn.proj, parts.ls1, given.ls1),
        (parts.mlp.fc2, given.mlp.fc2, parts.ls2, given.ls2),
    ):
        _copy_linear(last, theirs.weight, theirs.bias)
        factors, own = [*scale.parameters()], [*own_scale.parameters()]
        if own:
            own[0].copy_(factors[0] if factors else torch.ones_like(own[0]))
        elif factors:
            last.weight.mul_(factors[0][:, None])
            last.bias.mul_(factors[0])


def _copy_linear(own: nn.Linear, weight: Tensor, bias: Tensor | None) -> None:
    """Copy a linear layer; a bias that only the new one has is 0."""
    own.weight.copy_(weight)
    if "bias" in dict(own.named_parameters()):
        own.bias.copy_(torch.zeros_like(own.bias) if bias is None else bias)


def _begin_embedding(own: PatchEmbedding, model: VisionTransformer) -> None:
    theirs = model.patch_embed
    own.conv.weight.copy_(theirs.proj.weight)
    assert own.conv.bias is not None, "built with one"
    own.conv.bias.zero_() if theirs.proj.bias is None else own.conv.bias.copy_(theirs.proj.bias)
    if own.pos_embed is None:
        return
    if model.pos_embed is None:
        own.pos_embed.zero_()
        return
    height, width = theirs.grid_size
    positions = model.pos_embed[:, -height * width :].transpose(1, 2).unflatten(2, (height, width))
    own.pos_embed.copy_(positions_at(positions, *own.pos_embed.shape[2:]))
