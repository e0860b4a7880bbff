"""Measure the share of a transfer's training step that is spent around the modules, and the sizes of Fig. 11's axes.

Claims to test: reading, augmenting and everything else around forward pass, backward pass and optimizer takes at most 5 % of a
step with the recipes `camvid` and `bccd`; DNA-c3 with DeepLabV3+ has about the parameters and multiply-adds of the paper.
Steps of the training loop and bare steps on a batch that is already there take turns; both are measured in processor time with
one thread. The first argument is the folder that holds `camvid-voc` and `bccd-voc`; without it, only sizes are printed.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch.nn.functional as F

import helixnas.zoo  # noqa: F401 - registers the models
from helixnas.cli.settings import read_training
from helixnas.engine import Fit, Runtime, RuntimeConfig
from helixnas.models.opening import open_model
from helixnas.models.validation import normalizer
from helixnas.transfer.building import build_network
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.detection import detection_loss
from helixnas.transfer.networks.segmenter import build_segmenter, segmenter_size
from helixnas.transfer.training import open_images

RECIPES = {"camvid": "camvid-voc", "bccd": "bccd-voc"}
NUM_STEPS = 12
NAMES = ("dna_c3", "dna_c", "tf_efficientnet_lite0", "mobilenetv3_large_100")
SIDES = (512, 513)


def main() -> None:
    """Print sizes, and the shares of time for each recipe."""
    for name in NAMES:
        for separable in (True, False):
            settings: dict[str, Any] = {"num_classes": 21, "image_size": 513, "output_stride": 16, "seed": 0}
            network = build_segmenter(
                timm.create_model(name), head="deeplabv3plus", name=name, separable=separable, **settings
            )
            sizes = {side: segmenter_size(network, side) for side in SIDES}
            macs = ", ".join(f"{own:,} multiply-adds at {side}" for side, (_, own) in sizes.items())
            print(f"{name}, {'separable' if separable else 'full'} pyramid: {sizes[512][0]:,} parameters, {macs}")
    if len(sys.argv) > 1:
        for recipe, folder in RECIPES.items():
            measure(recipe, Path(sys.argv[1]) / folder)


def measure(recipe: str, root: Path) -> None:
    """Print the processor time of whole and of bare steps."""
    runtime = Runtime(RuntimeConfig(device="cpu", num_threads=1))
    config = read_training(recipe, TransferConfig, "transfer recipe")
    opened = open_model("tf_efficientnet_lite0", weights="package")
    images, _ = open_images(root, config)
    shown = {"mean": tuple(opened.shown["mean"]), "std": tuple(opened.shown["std"])}
    model = build_network(
        opened.model, config, class_names=images.scenes.class_names, seed=0, name=opened.name, trained=True, **shown
    )
    is_detector = config.task == "detection"
    job = Fit(
        runtime.place(model),
        images,
        config=config.fit,
        runtime=runtime,
        normalize=normalizer(opened),
        seed=0,
        title="the network",
        criterion=detection_loss if is_detector else None,
    )
    steps = iter(job)
    whole: list[float] = []
    bare: list[float] = []
    next(steps)
    for number in range(NUM_STEPS):
        whole.append(seconds(lambda: next(steps)))
        batches = images.batches(batch_size=config.fit.batch_size, seed=0, epoch=number, augment=True, shuffle=True)
        batch = next(batches)
        bare.append(seconds(lambda ready=batch: bare_step(job, ready)))
    one, other = (statistics.median(each) for each in (whole, bare))
    print(f"{recipe}: whole step {one:.3f} s, bare step {other:.3f} s of processor time; around: {1 - other / one:.1%}")


def bare_step(job: Fit, batch: Any) -> None:
    """Do forward pass, backward pass and optimizer step on a batch that is there."""
    job.optimizer.zero_grad(set_to_none=True)
    if job.criterion is not None:
        loss = job.criterion(job.model, batch)
    else:
        loss = F.cross_entropy(job.model(job.normalize(batch.images)).float(), batch.labels)
    loss.backward()
    job.optimizer.step()


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
