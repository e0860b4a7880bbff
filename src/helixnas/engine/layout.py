"""Gradients in the memory order of the feature maps they belong to.

Some operations (the mean squared error, the mean over a map) give their gradient in NCHW order, whatever that of their
input. Behind such a gradient the backward pass of a batch norm whose input lies in NHWC order takes some twenty times as
long on a CPU, and so it goes on to the layers before. Copying the gradient once costs a fraction of that.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - the public classes' only base


def keep_gradient_layout(model: nn.Module) -> nn.Module:
    """Let the gradients that reach the batch norms of a model lie in NHWC order where their feature maps do."""
    for module in model.modules():
        hooks = module._forward_hooks.values()  # pyright: ignore[reportPrivateUsage] - no public way to ask
        if isinstance(module, _BatchNorm) and _watch not in hooks:
            module.register_forward_hook(_watch)
    return model


def _watch(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    if output.requires_grad and output.dim() == 4 and output.is_contiguous(memory_format=torch.channels_last):
        output.register_hook(_in_order)


def _in_order(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)
