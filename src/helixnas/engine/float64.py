"""float64 on devices that lack it: Apple's GPUs (MPS) compute in float32 at most, so such values go to the CPU."""

import torch
from torch import Tensor


def float64_device(device: torch.device) -> torch.device:
    """Return the device, or the CPU if the device has no float64.

    >>> float64_device(torch.device("cuda:1")), float64_device(torch.device("mps"))
    (device(type='cuda', index=1), device(type='cpu'))
    """
    return torch.device("cpu") if device.type == "mps" else device


def to_float64(tensor: Tensor) -> Tensor:
    """Return the tensor in float64, on its device if that has float64, else on the CPU; gradients flow through."""
    return tensor.to(float64_device(tensor.device)).double()
