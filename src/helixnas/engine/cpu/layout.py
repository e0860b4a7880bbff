"""Gradients in the memory format of their feature maps.

Some operations (mean squared error, mean over a map) return gradients in NCHW order whatever the format of their input.
With such a gradient, the backward pass of a batch norm with NHWC input takes about twenty times as long on a CPU, and so
do the layers before it. Copying the gradient once costs a fraction of that.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - the public classes' only base


def keep_gradient_layout(model: nn.Module) -> nn.Module:
    """Keep the gradients at the batch norms of a model in NHWC order if their feature maps are."""
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
