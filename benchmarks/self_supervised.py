"""DNA++ on handwritten digits: the cost of a step, the rank of what is pooled, and collapse with and without its terms.

Claims: (1) a step takes at most three times that of distillation from a fixed teacher at the same batch, because there are two
views and both sides learn; (2) pooled without widening, a block of 24 channels gives vectors of rank 24 at most; (3) without
Eq. 11 embeddings collapse to a point, and without the covariance term they collapse to few directions.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_recipe
from helixnas.distill import (
    Distillation,
    DistillConfig,
    StepRecord,
    VicregConfig,
    build_distillation,
    build_self_supervised,
)
from helixnas.engine.progress import Reporter
from helixnas.nn import ProjectionHead
from helixnas.pipeline.context import Context
from helixnas.pipeline.run import run_recipe

RECIPE = "digits-vit++"
WIDTH, IMAGES, GRID = 24, 256, 8
TERMS = {
    "all three terms": VicregConfig(),
    "without Eq. 11 (spread)": VicregConfig(lambda_3=0.0),
    "without the covariance term": VicregConfig(lambda_2=0.0),
    "neither": VicregConfig(lambda_2=0.0, lambda_3=0.0),
}


def main() -> None:
    """Print the figures of all three claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=36, help="of each training for claim 3")
    parser.add_argument("--rounds", type=int, default=5, help="of both steps for claim 1")
    options = parser.parse_args()
    print_ranks()
    with TemporaryDirectory() as folder:
        recipe = read_recipe(RECIPE)
        run_recipe(recipe, RunFolder(Path(folder)), Reporter(), until="teacher")
        context = Context(recipe, RunFolder(Path(folder)), Reporter())
        print_step_costs(context, options.rounds)
        print_collapse(context, options.steps)


def print_ranks() -> None:
    """Print the rank of pooled vectors with and without widening; singular values below a millionth of the largest are 0."""
    torch.manual_seed(0)
    features = torch.randn(IMAGES, WIDTH, GRID, GRID)
    for expansion in (0, 256):
        pooled = ProjectionHead(WIDTH, expansion=expansion, widths=(8,)).pooled(features).detach().double()
        rank = int(torch.linalg.matrix_rank(pooled - pooled.mean(0), rtol=1e-6))
        how = f"widened to {expansion} channels" if expansion else "as they are"
        say(f"rank of {WIDTH} channels pooled {how}, of {IMAGES} images: {rank}")


def print_step_costs(context: Context, rounds: int) -> None:
    """Print the seconds of a step of both objectives, which take turns."""
    config = context.recipe.distill
    joint = iter(self_supervised(context, replace(config, num_epochs=1000)))
    plain = iter(fixed(context, replace(config, objective="features", num_epochs=1000)))
    pairs = [(seconds(joint), seconds(plain)) for _ in range(rounds + 1)][1:]
    ratio = statistics.median(own / base for own, base in pairs)
    own, base = (statistics.median(each) for each in zip(*pairs, strict=True))
    say(
        f"a step of {config.batch_size} images: {own:.2f} s, with a fixed teacher {base:.2f} s: {ratio:.2f} times as long"
    )


def print_collapse(context: Context, steps: int) -> None:
    """Print the least spread and effective rank of any block and side after so many steps, with and without terms."""
    plain = context.recipe.distill
    watch = replace(plain.collapse, every=steps, min_spread=0.0, min_rank_share=0.0)
    for name, terms in TERMS.items():
        job = self_supervised(context, replace(plain, vicreg=terms, collapse=watch, lr_schedule="decay", lr_decay=1.0))
        (*_, last) = islice(job, steps)
        spread, rank = (
            min(value for sign, value in last.signs.items() if sign.endswith(kind))
            for kind in ("spread", "effective rank")
        )
        say(f"{name}, {steps} steps: least spread {spread:.3g}, least effective rank {rank:.3g}")


def self_supervised(context: Context, config: DistillConfig) -> Distillation:
    """Return the joint training from the initial weights."""
    teacher = context.load_learner()
    supernet, images = context.new_supernet(teacher), context.data.train
    seed = context.recipe.seed
    return build_self_supervised(teacher, supernet, images, config=config, runtime=context.runtime, seed=seed)


def fixed(context: Context, config: DistillConfig) -> Distillation:
    """Return the distillation of the features of the same network, which does not learn."""
    teacher = context.load_teacher()
    supernet, images = context.new_supernet(teacher), context.data.train
    seed = context.recipe.seed
    return build_distillation(teacher, supernet, images, config=config, runtime=context.runtime, seed=seed)


def seconds(steps: Iterator[StepRecord]) -> float:
    """Return the time of the next step."""
    start = time.perf_counter()
    next(steps)
    return time.perf_counter() - start


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
