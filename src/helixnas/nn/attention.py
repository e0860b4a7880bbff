"""Transformer layer on feature maps: layer norm, self-attention, layer norm, MLP, each pair with a shortcut (Sec. 4.2).

Input and output are NCHW maps, so the layer stands beside `mbconv` in any cell. In channels_last memory, a map and its
tokens (one per pixel) are two views of the same values, so nothing is copied between convolutions and attention.

Queries, keys and values have a weight each, with the heads one after another: the first rows of the three weights are
those of a layer with fewer heads. One joint weight would mix them when it is sliced.
"""

from functools import partial

import torch.nn.functional as F
from timm.layers import DropPath, LayerScale, Mlp, trunc_normal_
from torch import Tensor, nn

from helixnas.nn.patches import PatchConv

NORM_EPS = 1e-6
"""Epsilon of layer norms, as in timm's vision transformers."""

INITIAL_STD = 0.02
"""Standard deviation of the initial weights of linear layers, as in timm's vision transformers."""

LayerNorm = partial(nn.LayerNorm, eps=NORM_EPS)


def tokens_of(features: Tensor) -> Tensor:
    """Return the pixels of a map (batch, channels, height, width) as tokens (batch, height * width, channels): a view.

    >>> import torch
    >>> features = torch.zeros(2, 8, 3, 4).contiguous(memory_format=torch.channels_last)
    >>> tokens = tokens_of(features)
    >>> tuple(tokens.shape), tokens.is_contiguous(), tokens.data_ptr() == features.data_ptr()
    ((2, 12, 8), True, True)
    """
    return features.flatten(2).transpose(1, 2)


def map_of(tokens: Tensor, height: int, width: int) -> Tensor:
    """Return tokens (batch, height * width, channels) as a map in channels_last memory: a view of contiguous tokens."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


class SelfAttention(nn.Module):
    """Multi-head self-attention; `q`, `k` and `v` have `num_heads` times `head_dim` outputs, head after head."""

    def __init__(self, width: int, *, num_heads: int, head_dim: int, qkv_bias: bool = True) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = head_dim
        inner = num_heads * head_dim
        self.q = nn.Linear(width, inner, bias=qkv_bias)
        self.k = nn.Linear(width, inner, bias=qkv_bias)
        self.v = nn.Linear(width, inner, bias=qkv_bias)
        self.proj = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended tokens, (batch, tokens, width)."""
        batch, length = x.shape[0], x.shape[1]
        shape = (batch, length, self.num_heads, self.head_dim)
        q = self.q(x).reshape(shape).transpose(1, 2)
        k = self.k(x).reshape(shape).transpose(1, 2)
        v = self.v(x).reshape(shape).transpose(1, 2)
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.proj(attended.transpose(1, 2).reshape(batch, length, self.num_heads * self.head_dim))


class AttentionLayer(nn.Module):
    """Patch convolution where width or grid change, then x + attention(norm(x)), then x + MLP(norm(x)).

    `mlp_ratio` is the MLP's hidden width as a multiple of `out_width`, `layer_scale` the initial value of the factors per
    channel of both branches (0: no factors), `drop_path_rate` the probability of skipping a branch while training.
    """

    def __init__(
        self,
        in_width: int,
        out_width: int,
        *,
        num_heads: int,
        head_dim: int,
        stride: int = 1,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        layer_scale: float = 0.0,
        activation: type[nn.Module] = nn.GELU,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        changes = stride > 1 or in_width != out_width
        self.entry = PatchConv(in_width, out_width, stride) if changes else nn.Identity()
        self.norm1 = LayerNorm(out_width)
        self.attn = SelfAttention(out_width, num_heads=num_heads, head_dim=head_dim, qkv_bias=qkv_bias)
        self.ls1 = LayerScale(out_width, layer_scale) if layer_scale else nn.Identity()
        self.drop_path1 = DropPath(drop_path_rate) if drop_path_rate else nn.Identity()
        self.norm2 = LayerNorm(out_width)
        self.mlp = Mlp(out_width, int(out_width * mlp_ratio), act_layer=activation)
        self.ls2 = LayerScale(out_width, layer_scale) if layer_scale else nn.Identity()
        self.drop_path2 = DropPath(drop_path_rate) if drop_path_rate else nn.Identity()
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise as timm's vision transformers: truncated normal for linear layers, zero biases."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                for name, parameter in module.named_parameters():
                    nn.init.zeros_(parameter) if name == "bias" else trunc_normal_(parameter, std=INITIAL_STD)

    def silence(self) -> None:
        """Zero the last layer of both branches: the layer starts as its entry, the identity where there is none."""
        for last in (self.attn.proj, self.mlp.fc2):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of `out_width` channels with the height and width of the input over the stride."""
        x = self.entry(x)
        height, width = x.shape[2], x.shape[3]
        x = tokens_of(x)
        x = x + self.drop_path1(self.ls1(self.attn(self.norm1(x))))
        x = x + self.drop_path2(self.ls2(self.mlp(self.norm2(x))))
        return map_of(x, height, width)
