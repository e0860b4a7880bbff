"""Does a teacher favour candidates of its own kind, and does learning without one (DNA++) avoid that?

Claim to test (Sec. 3.5): a fixed convolutional teacher favours convolutions, a fixed transformer attention; with a teacher that
learns together with the student, the kind of teacher matters less. One space offers MBConv and attention in every layer of every
block. A ResNet and a vision transformer teach it, by DNA (features) and DNA++ (self-supervised), each with two seeds. Printed
are, per run and block, the share of attention among the layers of the best tenth of the paths, beside the share in random paths
(with the interval that chance gives) and in the tenth with the most multiply-adds; then Kendall's tau of summed scores,
multiply-adds and parameters with the accuracy of networks of the space that are all trained alike.

    python benchmarks/bias.py --out runs/bias            # CIFAR-10
    python benchmarks/bias.py --out runs/quick --quick   # handwritten digits, minutes: shows that it works, no more

Everything is kept in `--out`: the same command continues where it was interrupted.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from helixnas.artifacts import RatingTable
from helixnas.artifacts.cost_table import CostTable, load_costs
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_recipe
from helixnas.engine.console import ConsoleReporter
from helixnas.experiments.benchmark import build_benchmark
from helixnas.experiments.benchmark_plan import BenchmarkPlan
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.search.config import SearchConfig
from helixnas.space import SearchSpace
from helixnas.supernet import SupernetConfig

FRACTION = 0.1
"""Share of the paths of a block that count as its best."""

METHODS = {"DNA": "", "DNA++": "++"}
"""Methods, and the ending of the recipes whose training they take."""

SEEDS = (0, 1)
SIZES: Mapping[str, Mapping[str, Any]] = {
    "cifar10-vit": {
        "patch": 4,
        "grid": 8,
        "widths": (64, 96, 128),
        "head_dim": 32,
        "vit": 192,
        "strides": [2, 2, 1, 1],
    },
    "digits-vit": {"patch": 2, "grid": 8, "widths": (32, 48, 64), "head_dim": 16, "vit": 48, "strides": [2, 1, 1]},
}
"""Sizes by the recipe that gives images and trainings."""

QUICK_EPOCHS = 1


def main() -> None:
    """Print shares and rank correlations of all runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bias"), help="folder of runs and trained networks")
    parser.add_argument("--networks", type=int, default=24, help="networks to train for the rank correlations")
    parser.add_argument("--quick", action="store_true", help="digits, one seed, few epochs and networks")
    options = parser.parse_args()
    base, seeds = ("digits-vit", SEEDS[:1]) if options.quick else ("cifar10-vit", SEEDS)
    reporter = ConsoleReporter(Console(stderr=True))
    plan = BenchmarkPlan(
        recipe=recipe_of(base, "DNA", "resnet", seed=0, quick=options.quick),
        out=options.out / "trained.json",
        num_networks=6 if options.quick else options.networks,
        num_trainings=1 if options.quick else 2,
    )
    runs = dict[tuple[str, str, int], RunFolder]()
    for method, teacher, seed in product(METHODS, teachers(base), seeds):
        folder = RunFolder(options.out / f"{method.lower()}-{teacher}-{seed}")
        recipe = recipe_of(base, method, teacher, seed=seed, quick=options.quick)
        run_recipe(recipe, folder, reporter, until="rate")
        runs[method, teacher, seed] = folder
        print_shares(f"{method}, {teacher}, seed {seed}", folder, recipe.search_space)
    build_benchmark(plan, reporter)
    for (method, teacher, seed), folder in runs.items():
        found = rank_run(folder, plan.out, reporter).ranking
        everything = found.subsets[0].agreement
        say(
            f"{method}, {teacher}, seed {seed}: Kendall tau over {found.benchmark['num_networks']} networks: "
            + ", ".join(
                f"{name} {everything[name].kendall:.2f} ({low:.2f} to {high:.2f})"
                for name in (found.search_score, "macs", "params")
                for low, high in [everything[name].kendall_interval]
            )
        )


def mixed_space(base: str) -> dict[str, Any]:
    """Return the definition of a space with as many MBConv as attention candidates in every layer of its three blocks."""
    sizes = SIZES[base]
    operations: dict[str, Any] = {"patch": {"kind": "patch", "grid": sizes["grid"]}}
    operations |= {f"mb{e}_k{k}": {"kind": "mbconv", "kernel": k, "expansion": e} for e, k in ((3, 3), (6, 5))}
    operations |= {
        f"attn_r{ratio}": {"kind": "attention", "head_dim": sizes["head_dim"], "mlp_ratio": ratio} for ratio in (2, 4)
    }
    return {
        "name": f"{base}-mixed",
        "stem": [{"stride": sizes["patch"], "width": sizes["widths"][0], "operations": ["patch"]}],
        "operations": operations,
        "blocks": [{"stride": 1, "cells": [{"width": width, "layers": 3}]} for width in sizes["widths"]],
        "head": {"width": 2 * sizes["widths"][-1]},
    }


def teachers(base: str) -> dict[str, dict[str, Any]]:
    """Return the settings of a residual network and of a vision transformer, cut where their grid is that of the space."""
    sizes, strides = SIZES[base], SIZES[base]["strides"]
    channels = [32, 64, 96, 128][-len(strides) :]
    resnet = {"channels": channels, "layers": [1] * len(strides), "strides": strides, "stem_width": 32}
    vit = {
        "img_size": sizes["patch"] * sizes["grid"],
        "patch_size": sizes["patch"],
        "embed_dim": sizes["vit"],
        "depth": 6,
        "num_heads": 3,
        "class_token": False,
        "reg_tokens": 0,
        "global_pool": "avg",
    }
    last = range(len(strides) - 2, len(strides) + 1)
    return {
        "resnet": {"model": "small_resnet", "model_args": resnet, "boundaries": tuple(f"layer{each}" for each in last)},
        "vit": {"model": "test_vit", "model_args": vit, "boundaries": ("blocks.1", "blocks.3", "blocks.5")},
    }


def recipe_of(base: str, method: str, teacher: str, *, seed: int, quick: bool) -> Recipe:
    """Return the recipe of a run: images and training of a shipped recipe, with the mixed space and another teacher."""
    taken = read_recipe(base + METHODS[method])
    distill, fit, retrain = replace(taken.distill, num_moments=1), taken.teacher_fit, read_recipe(base).retraining
    if quick:
        distill, fit = (
            replace(distill, num_epochs=QUICK_EPOCHS),
            replace(fit, num_epochs=QUICK_EPOCHS, warmup_epochs=0.0),
        )
        retrain = replace(retrain, fit=replace(retrain.fit, num_epochs=QUICK_EPOCHS, warmup_epochs=0.0))
    return replace(
        taken,
        name=f"bias-{method.lower()}-{teacher}",
        seed=seed,
        space=mixed_space(base),
        teacher=replace(taken.teacher, weights="", **teachers(base)[teacher]),
        teacher_fit=fit,
        supernet=SupernetConfig(),
        distill=distill,
        stitching=replace(taken.stitching, num_architectures=0),
        searches={"any": SearchConfig()},
        retrain=replace(retrain, augmentation=retrain.augmentation or read_recipe(base).data.augmentation),
    )


def print_shares(title: str, folder: RunFolder, space: SearchSpace) -> None:
    """Print per block the share of attention among the best paths, in random ones, and in those with the most multiply-adds."""
    costs = load_costs(folder, folder.load_record())
    for number in range(1, len(space.blocks) + 1):
        table = RatingTable.load(folder.rating(number))
        attention = attention_of(table.path, space)
        low, high = interval_by_chance(attention)
        say(
            f"{title}, block {number}: attention in the best paths {share_of_best(table.mean(), attention):.2f}, by chance "
            f"{attention.mean():.2f} ({low:.2f} to {high:.2f}), in the largest "
            f"{share_of_best(-macs_of(table, costs), attention):.2f}"
        )


def attention_of(paths: Sequence[str], space: SearchSpace) -> npt.NDArray[np.float64]:
    """Return, per path in its text form, the share of its layers that are attention."""
    kinds = {operation.name: operation.kind for operation in space.operations}
    names = [path.partition(":")[2].split(",") for path in paths]
    return np.array([sum(kinds[name] == "attention" for name in layers) / len(layers) for layers in names])


def macs_of(table: RatingTable, costs: CostTable) -> npt.NDArray[np.float64]:
    """Return the multiply-adds of every row of a rating table."""
    rows = costs.rows(table.block)
    widths, macs = costs.previous_width[rows], costs.resource("macs")[rows]
    known = {(int(width), costs.path[row]): cost for row, width, cost in zip(rows, widths, macs, strict=True)}
    return np.array([known[int(width), path] for width, path in zip(table.previous_width, table.path, strict=True)])


def share_of_best(values: npt.NDArray[Any], shares: npt.NDArray[np.float64], fraction: float = FRACTION) -> float:
    """Return the mean of `shares` over the rows with the lowest values, as many as this fraction of all, and at least one."""
    best = np.argsort(values, kind="stable")[: num_best(len(values), fraction)]
    return float(shares[best].mean())


def interval_by_chance(
    shares: npt.NDArray[np.float64], fraction: float = FRACTION, *, seed: int = 0, number: int = 10_000
) -> tuple[float, float]:
    """Return the central 95 % of the mean of as many shares, drawn at random without replacement."""
    rng, size = np.random.default_rng(seed), num_best(len(shares), fraction)
    drawn = rng.permuted(np.broadcast_to(shares, (number, len(shares))), axis=1)[:, :size].mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def num_best(number: int, fraction: float) -> int:
    """Return how many of a number of paths are the best ones."""
    return max(1, round(fraction * number))


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
