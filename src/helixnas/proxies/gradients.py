"""Proxies from the gradients of an untrained network: SynFlow, ZiCo, the gradient's norm, SNIP; higher is better.

They look at the weights of convolutions and linear layers. Where a loss is differentiated, it is the cross-entropy, and batch
norm takes the statistics of the images.
"""

import copy
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from helixnas.engine import float64_device, to_float64

Images = Float[Tensor, "batch channels height width"]
Labels = Int[Tensor, "batch"]


def synflow(model: nn.Module, images: Images) -> float:
    """Return the logarithm of the synaptic flow (Tanaka et al., NeurIPS 2020): the sum of |weight x gradient|.

    The gradient is that of the summed outputs for an image of ones, with all parameters replaced by their absolute values and
    batch norm as before training: nearly the identity. Computed in float64; of the images only the shape counts.
    """
    device = float64_device(images.device)
    positive = copy.deepcopy(model).to(device).double().eval()
    with torch.no_grad():
        for parameter in positive.parameters():
            parameter.abs_()
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=device)
    weights = list(_weights(positive))
    gradients = torch.autograd.grad(positive(ones).sum(), weights, materialize_grads=True)
    flow = sum(float((w.detach() * g).abs().sum()) for w, g in zip(weights, gradients, strict=True))
    return math.log(flow) if flow > 0 else -math.inf


def gradnorm(model: nn.Module, images: Images, labels: Labels) -> float:
    """Return the sum over layers of the Euclidean norm of the gradient (Abdelfattah et al., ICLR 2021)."""
    return sum(float(gradient.norm()) for _, gradient in _gradients(model, images, labels))


def snip(model: nn.Module, images: Images, labels: Labels) -> float:
    """Return the sum of |weight x gradient| (Lee et al., ICLR 2019): what the loss would change without a weight."""
    return sum(float((weight * gradient).abs().sum()) for weight, gradient in _gradients(model, images, labels))


def zico(model: nn.Module, images: Images, labels: Labels) -> float:
    """Return ZiCo (Li et al., ICLR 2023): the sum over layers of log(sum of mean |gradient| / its standard deviation).

    Mean and standard deviation of each weight's gradient are over two halves of the images. Weights whose gradient does not
    vary are left out. Needs at least two images per half.
    """
    half = len(images) // 2
    halves = [
        [gradient for _, gradient in _gradients(model, images[part], labels[part])]
        for part in (slice(0, half), slice(half, 2 * half))
    ]
    total = 0.0
    for first, second in zip(*halves, strict=True):
        spread = (first - second).abs() / 2  # the standard deviation of two values
        varies = spread > 0
        ratio = ((first.abs() + second.abs()) / 2)[varies] / spread[varies]
        if ratio.numel():
            total += math.log(float(to_float64(ratio).sum()))
    return total


def _weights(model: nn.Module) -> Iterator[Tensor]:
    return (part.weight for part in model.modules() if isinstance(part, nn.Conv2d | nn.Linear))


def _gradients(model: nn.Module, images: Images, labels: Labels) -> Iterator[tuple[Tensor, Tensor]]:
    """Return weight and gradient of the loss for every layer."""
    mode, weights = model.training, list(_weights(model))
    try:
        loss = F.cross_entropy(model.train()(images), labels)
        gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    finally:
        model.train(mode)
    return zip((weight.detach() for weight in weights), gradients, strict=True)
