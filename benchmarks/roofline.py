"""The roofline of the dry run (`--hardware`) beside published timings of other people's GPUs.

Claim: forward passes and trainings of depthwise networks reach shares of the roofline that lie between those of `REACHED`, while
their shares of the peak are a tenth of those of a ResNet. The images per second are those of timm's repository
huggingface/pytorch-image-models, in channels-last memory and mixed precision (AMP):
results/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv at commit 7479d45 and
results/benchmark-train-amp-nhwc-pt112-cu113-rtx3090.csv at commit 5e7d47c. Nothing is timed here.
"""

import timm
import torch

from helixnas.pipeline.hardware.devices import DEVICES, TERA, Device
from helixnas.pipeline.hardware.roofline import REACHED, operations_of, seconds_per_image

RTX_3090 = Device(title="RTX 3090", peaks={"fp16": 71 * TERA}, bandwidth=0.936 * TERA, memory=24e9)
"""Peak with accumulation in fp32, from the data sheet."""

PUBLISHED = {
    "efficientnet_b0": (224, 9831.68, 224, 1751.72),
    "efficientnet_b1": (224, 6906.68, 224, 1325.85),
    "mobilenetv3_large_100": (224, 16891.88, 224, 2732.43),
    "mobilenetv2_100": (224, 11768.03, 224, 2313.1),
    "mnasnet_100": (224, 14430.36, 224, 2929.31),
    "resnet18": (224, 18247.43, 224, 3481.78),
    "resnet50": (160, 10141.36, 224, 1218.01),
}
"""By model: pixels and images per second of forward passes on the RTX 4090, then of training on the RTX 3090."""

BATCH = 512
PASSES = 3
"""A training step in forward passes."""


def main() -> None:
    """Print a table of shares of the roofline and of the peak."""
    print(f"assumed: {REACHED[0]:.0%} to {REACHED[1]:.0%} of the roofline\n")
    print(
        "| network | forward, RTX 4090: of the roofline | of the peak | training, RTX 3090: of the roofline | of the peak |"
    )
    print("|---|---|---|---|---|")
    for name, (pixels, forward, pixels_trained, trained) in PUBLISHED.items():
        shares = [
            *_shares(name, DEVICES["rtx4090"], pixels, forward),
            *_shares(name, RTX_3090, pixels_trained, PASSES * trained),
        ]
        print(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")


def _shares(name: str, device: Device, pixels: int, forward_passes: float) -> tuple[float, float]:
    """Return the shares of the roofline and of the peak that so many forward passes per second are."""
    with torch.device("meta"):
        works = operations_of(timm.create_model(name), pixels)
    bound = seconds_per_image(works, device, precision="fp16", batch_size=BATCH)
    flops = 2 * sum(one.macs for one in works)
    return bound * forward_passes, flops * forward_passes / device.peaks["fp16"]


if __name__ == "__main__":
    main()
