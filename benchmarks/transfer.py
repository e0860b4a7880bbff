"""Compare a searched network as a backbone with its teacher and with itself from scratch, on CamVid and BCCD.

Claim to test: weights inherited from the supernet help where there are few images. Arguments: the folder that holds `camvid-voc`
and `bccd-voc`; a run with a search whose network inherited its weights (`helixnas run imagenet-sample`, then
`helixnas retrain RUN --init inherited`); the name of the search. Three backbones (the student with inherited weights,
EfficientNet-Lite0 with ImageNet weights, the student from scratch) are trained with two seeds on each data set: twelve
trainings, all resumable and kept in ``transferred/benchmark``.
"""

import sys
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_training
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.engine.console import ConsoleReporter
from helixnas.models.opening import OpenedModel, open_model
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.training import transfer

RECIPES = {"camvid": ("camvid-voc", ("miou", "pixel_accuracy")), "bccd": ("bccd-voc", ("map", "map50"))}
SEEDS = (0, 1)


def main() -> None:
    """Print the figures of every training."""
    data, run, search = Path(sys.argv[1]), RunFolder(Path(sys.argv[2])), sys.argv[3]
    reporter, runtime = ConsoleReporter(Console()), Runtime(RuntimeConfig(device="auto"))
    for recipe, (folder, names) in RECIPES.items():
        config = read_training(recipe, TransferConfig, "transfer recipe")
        for backbone in ("inherited", "teacher", "scratch"):
            for seed in SEEDS:
                out = Path("transferred/benchmark") / f"{recipe}-{backbone}-{seed}"
                opened = open_backbone(backbone, run, search)
                settings = {"out": out, "runtime": runtime, "reporter": reporter, "seed": seed}
                figures = transfer(opened, data / folder, config, **settings)
                shown = ", ".join(f"{name} {100 * figures[name]:.2f}" for name in names)
                interval = figures.get("miou_interval")
                between = f" (95 %: {100 * interval[0]:.2f} to {100 * interval[1]:.2f})" if interval else ""
                spent = f"{figures['seconds'] / 60:.1f} min, {figures['params']:,} parameters"
                print(f"{recipe}, {backbone}, seed {seed}: {shown}{between}; {spent}", flush=True)


def open_backbone(backbone: str, run: RunFolder, search: str) -> OpenedModel:
    """Open one of the three backbones."""
    if backbone == "teacher":
        return open_model("tf_efficientnet_lite0", weights="package")
    if backbone == "inherited":
        return open_model(str(run.inherited(search)))
    return open_model("helixnas", weights="none", arch=str(run.search(search) / "architecture.json"))


if __name__ == "__main__":
    main()
