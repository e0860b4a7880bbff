"""ONNX files against PyTorch: the largest difference of a logit on photographs, and the time for one image.

Claims: no logit differs by more than 1e-4, and ONNX Runtime is not slower than PyTorch on this CPU. This holds for every
model of the zoo (c5 and c7 at 64 pixels), for a random network of every space, and for EfficientNet-Lite0 with its weights.

The zoo has no published weights. So its networks get the batch norm statistics of the photographs, and their residual
branches are scaled by a fifth, which gives logits as large as those of trained networks.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import timm
import torch
from torch import nn

from helixnas.data import DataConfig, ImageSet, open_images
from helixnas.models.exporting import Export, export
from helixnas.models.opening import OpenedModel, open_model
from helixnas.models.validation import normalizer
from helixnas.nn import build_seeded
from helixnas.space import from_code, mbconv
from helixnas.zoo import HELIXNAS, ZOO

NUM_IMAGES = 32
SIZES = {"dna_c5": 64, "dna_c7": 64}


def main(names: list[str]) -> None:
    """Print a table row for each model."""
    print("| model | pixels | largest difference | largest logit | PyTorch ms | ONNX Runtime ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name in names or [*ZOO, "mbconv", "macro", "tf_efficientnet_lite0"]:
        size, found = measure(name)
        original, other = (1e3 * seconds for seconds in found.seconds.values())
        print(
            f"| {name} | {size} | {found.parity.largest_difference:.1e} | {found.parity.largest_logit:.1f} | "
            f"{original:.1f} | {other:.1f} | {original / other:.2f} |",
            flush=True,
        )


def measure(name: str) -> tuple[int, Export]:
    """Export one model with the tolerance of the claim, and return its image size and the result."""
    opened = open_one(name)
    size = SIZES.get(name, 32 if name == "macro" else opened.shown["input_size"][1])
    photographs = open_images(DataConfig(root="imagenet-sample/images.tar"), image_size=size).subset(NUM_IMAGES)
    if not opened.trained:
        settle(opened, photographs)
    with TemporaryDirectory() as folder:
        return size, export(opened, photographs, format="onnx", path=Path(folder) / "model.onnx", tolerance=1e-4)


def open_one(name: str) -> OpenedModel:
    """Return a model of the zoo, a random network of a space, or EfficientNet-Lite0."""
    if name == "tf_efficientnet_lite0":
        return open_model(name, weights="package")
    drawn = {"mbconv": mbconv().sample(np.random.default_rng(0)), "macro": from_code("22212220")}
    arguments = {"model_name": HELIXNAS, "arch": drawn[name]} if name in drawn else {"model_name": name}
    model = build_seeded(lambda: timm.create_model(**arguments), (0,))
    return OpenedModel(model=model.eval(), name=name, trained=False)


def settle(opened: OpenedModel, photographs: ImageSet) -> None:
    """Give an untrained network the batch norm statistics of the photographs."""
    (batch,) = photographs.batches(batch_size=NUM_IMAGES, seed=0, augment=False, shuffle=False)
    for module in opened.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
        if getattr(module, "has_skip", False):
            nn.init.constant_((module.bn3 if hasattr(module, "bn3") else module.bn2).weight, 0.2)
    with torch.no_grad():
        opened.model.train()(normalizer(opened)(batch.images))
    opened.model.eval()


if __name__ == "__main__":
    main(sys.argv[1:])
