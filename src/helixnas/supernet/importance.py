"""The channels, heads and hidden units of a vision transformer in the order of their importance.

Every layer reads the residual stream and adds to it, so channels may be re-ordered if this is done in all layers alike: a
permutation of the stream, of the heads of a layer or of the hidden units of an MLP leaves the function unchanged. With the
important ones first, the first channels, heads and hidden units are a good smaller network, as the slices of slimmable cells
need it. Importance is judged by weights alone, in float64 on the CPU, so that the same weights always give the same order:

- channel: mean over all layers of its share of the squared weights that read it (norms included) and that write it;
- head: norm of its values' weights times norm of its columns of the projection;
- hidden unit: norm of its incoming weights times norm of its outgoing ones.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from helixnas.errors import TeacherError

Layer = Any
"""A plain layer of a vision transformer, timm's `Block`, whose parts have no annotations."""

TOLERANCE = 1e-3
"""Largest change of the outputs by re-ordering that is taken for rounding, as a share of their largest value."""


@torch.no_grad()
def order_by_importance(model: VisionTransformer) -> None:
    """Re-order a vision transformer of timm in place, most important first; its outputs stay the same up to rounding.

    Features are those of before with their channels in another order, the same everywhere. Raises `TeacherError` if the
    outputs change, because the network has parts that are not re-ordered.
    """
    size = model.patch_embed.img_size
    assert size is not None, "patch embeddings of vision transformers know their image size"
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, model.in_chans, *size, generator=generator).to(device)
    was_training = model.training
    before = model.eval()(images)
    for block in layers(model):
        _order_heads(block)
        _order_hidden_units(block)
    _order_channels(model, importance_of_channels(model).argsort(descending=True, stable=True))
    after = model(images)
    model.train(was_training)
    if (after - before).abs().max() > TOLERANCE * before.abs().max():
        raise TeacherError(
            f"the channels of the teacher, a {type(model).__name__}, cannot be re-ordered: its outputs would change, so it has "
            "parts beside plain attention and MLP; choose supernet.init=random"
        )


def layers(model: VisionTransformer) -> list[Layer]:
    """Return all layers of a vision transformer."""
    return list(model.blocks)


def importance_of_channels(model: VisionTransformer) -> Float[Tensor, " channels"]:
    """Return the importance of every channel of the residual stream; the mean over channels is 1."""
    shares: list[Tensor] = []
    for block in layers(model):
        for norm, reads in ((block.norm1, block.attn.qkv), (block.norm2, block.mlp.fc1)):
            shares.append(_squares(reads.weight, 0) * _vector(norm).square())
        for writes, scale in ((block.attn.proj, block.ls1), (block.mlp.fc2, block.ls2)):
            shares.append(_squares(writes.weight, 1) * _vector(scale).square())
    return torch.stack([share / share.mean() for share in shares]).mean(0)


def importance_of_heads(block: Layer) -> Float[Tensor, " heads"]:
    """Return the importance of every head of a layer."""
    heads = block.attn.num_heads
    values = block.attn.qkv.weight.chunk(3)[2].unflatten(0, (heads, -1)).cpu() * _vector(block.norm1)
    given = block.attn.proj.weight.unflatten(1, (heads, -1))
    return (_squares(values, (1, 2)) * _squares(given, (0, 2))).sqrt()


def importance_of_hidden_units(block: Layer) -> Float[Tensor, " units"]:
    """Return the importance of every hidden unit of a layer's MLP."""
    received = _squares(block.mlp.fc1.weight.cpu() * _vector(block.norm2), 1)
    return (received * _squares(block.mlp.fc2.weight, 0)).sqrt()


def _squares(weight: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    return weight.detach().cpu().double().square().sum(dims)


def _vector(module: nn.Module) -> Tensor:
    """Return the factor per channel of a norm or a layer scale; 1 for neither."""
    factors = [*module.parameters()]
    return factors[0].detach().cpu().double() if factors else torch.ones((), dtype=torch.float64)


def _order_heads(block: Layer) -> None:
    attn = block.attn
    order = importance_of_heads(block).argsort(descending=True, stable=True)
    rows = torch.arange(attn.attn_dim, device=order.device).unflatten(0, (attn.num_heads, -1))[order].flatten()
    _take(attn.qkv, 0, torch.cat([rows + part * attn.attn_dim for part in range(3)]))
    _take(attn.proj, 1, rows)


def _order_hidden_units(block: Layer) -> None:
    order = importance_of_hidden_units(block).argsort(descending=True, stable=True)
    _take(block.mlp.fc1, 0, order)
    _take(block.mlp.fc2, 1, order)


def _order_channels(model: VisionTransformer, order: Int[Tensor, " channels"]) -> None:
    _take(model.patch_embed, 0, order)
    for tokens in (model.cls_token, model.reg_token, model.pos_embed, getattr(model, "dist_token", None)):
        if tokens is not None:
            tokens.copy_(tokens[..., order.to(tokens.device)])
    for block in layers(model):
        for module in (block.norm1, block.attn.proj, block.ls1, block.norm2, block.mlp.fc2, block.ls2):
            _take(module, 0, order)
        for module in (block.attn.qkv, block.mlp.fc1):
            _take(module, 1, order)
    for module in (model.norm_pre, model.norm, model.fc_norm):
        _take(module, 0, order)
    for head in (model.head, getattr(model, "head_dist", None)):
        if isinstance(head, nn.Linear):
            _take(head, 1, order)


def _take(module: nn.Module, dim: int, order: Int[Tensor, " entries"]) -> None:
    """Re-order the outputs (dim 0) of all parameters of a module, or the inputs (dim 1) of its weight."""
    for parameter in module.parameters():
        if parameter.ndim > dim:
            parameter.copy_(parameter.index_select(dim, order.to(parameter.device)))
