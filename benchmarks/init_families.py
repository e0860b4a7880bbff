"""For which families of timm does `helixnas init` give a recipe that runs? Prints a table, one row per family.

    python benchmarks/init_families.py [FAMILY ...] > families.md

The smallest member of each family teaches, untrained, on 102 random images of three classes; the recipe runs with one epoch
of each training on 40 images, four images to rate with, and no stitching. A teacher is not trained either: its random weights
are given as a file, so that a row tells whether everything fits together, not how well it works.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import helixnas.zoo  # noqa: F401 - registers our models
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.engine.progress import Reporter
from helixnas.errors import HelixError
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.start.proposal import SEARCH, propose
from helixnas.start.request import Request

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "teacher"))

LIMITS = {"macs": "60%"}
NUM_IMAGES = 34
"""Images per class."""


def write_images(root: Path, side: int) -> None:
    """Write random images in three classes."""
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (root / name).mkdir(parents=True)
        for number in range(NUM_IMAGES):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")


def tiny(recipe: Recipe) -> Recipe:
    """Return the recipe with the least training, in batches that are no larger than the memory allows."""
    retrain = recipe.retrain
    if retrain is not None:
        fit: dict[str, Any] = {"num_epochs": 1, "batch_size": min(16, retrain.fit.batch_size), "warmup_epochs": 0.2}
        retrain = replace(retrain, fit=replace(retrain.fit, **fit))
    return replace(
        recipe,
        runtime=replace(recipe.runtime, precision="fp32"),
        data=replace(recipe.data, num_rating=4, num_workers=0, train_share=0.4),
        distill=replace(recipe.distill, num_epochs=1, batch_size=min(16, recipe.distill.batch_size)),
        rating=replace(recipe.rating, batch_size=2),
        stitching=replace(recipe.stitching, num_architectures=0),
        retrain=retrain,
    )


def row(family: str, model: str, side: int, folder: Path) -> str:
    """Return the row of a family: the recipe's space and the winner's share of the teacher, or why there is none."""
    start, images = time.monotonic(), folder / "images"
    write_images(images, side)
    torch.manual_seed(0)
    try:
        try:
            network = timm.create_model(model, num_classes=3, img_size=side)
        except TypeError:
            network = timm.create_model(model, num_classes=3)
        for parameter in network.parameters():
            if (
                parameter.ndim > 1 and not parameter.any()
            ):  # some classifiers begin at 0, so that nothing told paths apart
                torch.nn.init.normal_(parameter, std=0.02)
        weights = folder / "teacher.safetensors"
        save_file({name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}, weights)
        request = Request(
            teacher=model, weights=str(weights), data=str(images), max=LIMITS, image_size=side, hours=0.001
        )
        found = propose(request)
        run = RunFolder(folder / "run")
        run_recipe(tiny(found.recipe), run, Reporter(), until="retrain")
    except HelixError as error:
        return f"| {family} | `{model}`, {side} pixels | no | {' '.join(str(error).split())} | |"
    except Exception as error:  # a fault of ours, which the other rows must not hide
        return f"| {family} | `{model}`, {side} pixels | **crashed** | {type(error).__name__}: {error} | |"
    record = SearchRecord.load(run.search(SEARCH) / "result.json")
    share = record.costs["macs"] / found.teacher.costs["macs"]
    strides = ", ".join(map(str, found.teacher.strides))
    space = f"{found.teacher.kind}, strides {strides}, {found.recipe.search_space.size:,} networks"
    return (
        f"| {family} | `{model}`, {side} pixels | yes | {space}; winner {share:.0%} | {time.monotonic() - start:.0f} |"
    )


def main() -> None:
    """Print the table."""
    from test_families import SMALLEST, TOO_LARGE, build

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("families", nargs="*", help="families of timm; all if none is given")
    families = parser.parse_args().families or [each for each in SMALLEST if each not in TOO_LARGE]
    torch.set_num_threads(1)
    print(
        "| Family | Smallest member | Runs | Space and winner, or why not | Seconds |\n|---|---|---|---|---|",
        flush=True,
    )
    for family in families:
        with tempfile.TemporaryDirectory() as folder:
            _, side = build(SMALLEST[family])
            print(row(family, SMALLEST[family], side, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
