"""Compare a searched network as a backbone with its teacher and with itself from scratch, on CamVid and BCCD.

Claim to test: weights inherited from the supernet help where there are few images. Arguments: the folder that holds `camvid-voc`
and `bccd-voc`; a run with a finished search (`helixnas run imagenet-sample --until search`); the name of the search. Three
backbones (the student with the supernet's weights, EfficientNet-Lite0 with ImageNet weights, the student from scratch) are
trained with two seeds: six trainings a data set, all resumable and kept in ``--out``. ``--num-epochs 15`` trains for half as
long as the recipe of CamVid does.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_training, recipe_from_settings
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.engine.console import ConsoleReporter
from helixnas.engine.progress import Reporter
from helixnas.models.opening import OpenedModel, open_model
from helixnas.pipeline.ad_hoc.inherited import open_inherited
from helixnas.pipeline.context import Context
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.training import transfer

RECIPES = {"camvid": ("camvid-voc", ("miou", "pixel_accuracy")), "bccd": ("bccd-voc", ("map", "map50"))}
BACKBONES = ("inherited", "teacher", "scratch")


def main() -> None:
    """Print the figures of every training."""
    options = _options()
    run, reporter, runtime = RunFolder(options.run), ConsoleReporter(Console()), Runtime(RuntimeConfig(device="auto"))
    folder, names = RECIPES[options.recipe]
    config = read_training(options.recipe, TransferConfig, "transfer recipe")
    if options.num_epochs:
        config = replace(config, fit=replace(config.fit, num_epochs=options.num_epochs))
    for seed in options.seeds:
        for backbone in options.backbones:
            out = options.out / f"{options.recipe}-{backbone}-{seed}"
            opened = open_backbone(backbone, run, options.search)
            data = options.data / folder
            figures = transfer(opened, data, config, out=out, runtime=runtime, reporter=reporter, seed=seed)
            shown = ", ".join(f"{name} {100 * figures[name]:.2f}" for name in names)
            interval = figures.get("miou_interval")
            between = f" (95 %: {100 * interval[0]:.2f} to {100 * interval[1]:.2f})" if interval else ""
            spent = f"{figures['seconds'] / 60:.1f} min, {figures['params']:,} parameters"
            print(f"{options.recipe}, {backbone}, seed {seed}: {shown}{between}; {spent}", flush=True)


def open_backbone(backbone: str, run: RunFolder, search: str) -> OpenedModel:
    """Open one of the three backbones."""
    if backbone == "teacher":
        return open_model("tf_efficientnet_lite0", weights="package")
    if backbone == "inherited":
        recipe = recipe_from_settings(run.load_settings(), where=str(run.config))
        return open_inherited(Context(recipe, run, Reporter()), search)
    return open_model("helixnas", weights="none", arch=str(run.search(search) / "architecture.json"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that holds camvid-voc and bccd-voc")
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("search", help="name of a search of the run")
    parser.add_argument("recipe", choices=RECIPES, help="camvid or bccd")
    parser.add_argument("--num-epochs", type=int, default=0, help="the recipe's if not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=list(BACKBONES))
    parser.add_argument("--out", type=Path, default=Path("transferred/benchmark"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
