"""Work of the proxies stage: untrained networks scored, and an additive fit that gives every path a score."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.files import write_json
from helixnas.engine.job import run_job
from helixnas.errors import ConfigError
from helixnas.nn import Normalization
from helixnas.pipeline.context import Context
from helixnas.pipeline.stage import Result
from helixnas.proxies import NASWOT, NUM_LAYERS, SYNFLOW, Batch, Build, Proxies, ProxiesConfig, proxy_batches
from helixnas.proxies import check_images as check_batch
from helixnas.rating.stitching import sample_distinct
from helixnas.retrain import RetrainConfig, build_model
from helixnas.search.additive import fit_additive
from helixnas.search.tables import score_tables
from helixnas.space import Architecture, SearchSpace
from helixnas.teacher import normalization_of

NETWORKS_STREAM = 48
"""Separates the draw of the networks from the other random numbers of a seed."""


def check_images(context: Context) -> None:
    """Check the training images before the first stage.

    Raises:
        DataError: a proxy needs labels and they have none.
        ConfigError: there are fewer than a batch.
    """
    config = context.recipe.proxies
    check_batch(context.data.train, config.scores, config.batch_size)


def score(context: Context, key: str, search: str) -> Result:
    """Score random untrained networks, fit every proxy additively, and write a score per path; lower is better there."""
    recipe, config, folder = context.recipe, context.recipe.proxies, context.folder
    networks = sample_distinct(
        context.space, config.num_networks, np.random.default_rng((recipe.seed, NETWORKS_STREAM))
    )
    batches = proxy_images(context, config, seed=recipe.seed)
    job = Proxies(networks, config.scores, untrained(context, seed=recipe.seed), batches)
    with context.reporter.progress("scoring untrained networks", len(networks)) as advance:
        run_job(
            job,
            checkpoint=folder.checkpoint("proxies"),
            key=key,
            device=context.runtime.device,
            log=lambda record: advance(record.done),
            watch=context.watch,
        )
    costs = CostTable.load(folder.costs)
    _require_finite(networks, job.values)
    fits = {
        name: fit_additive(context.space, costs, networks, values)
        for name, values in job.values.items()
        if name != NUM_LAYERS
    }
    paths = {name: _layers(context.space, costs) if name == NUM_LAYERS else fits[name].paths for name in config.scores}
    tables = score_tables(costs, {name: [-values for values in own] for name, own in paths.items()})
    for table in tables:
        table.save(folder.proxy(table.block))
    write_json(
        folder.proxy_networks,
        {
            "networks": [network.text for network in networks],
            "values": job.values,
            "kendall_of_left_out_pairs": {name: asdict(fit.kendall) for name, fit in fits.items()},
        },
    )
    files = tuple(f"proxies/block-{table.block}.parquet" for table in tables)
    facts: dict[str, Any] = {"networks": len(networks)}
    facts |= {f"{name}, tau of the fit, each pair left out": fit.kendall.value for name, fit in fits.items()}
    return Result((*files, "proxies/networks.json"), facts)


def _require_finite(networks: Sequence[Architecture], values: Mapping[str, Sequence[float]]) -> None:
    """Raise `ConfigError` where a network has no finite value, as of NASWOT where two images are the same."""
    for name, own in values.items():
        wrong = [network.text for network, value in zip(networks, own, strict=True) if not math.isfinite(value)]
        if not wrong:
            continue
        fact = f"{name} of the untrained network {wrong[0]!r} is not finite"
        if name == SYNFLOW:
            raise ConfigError(
                f"{fact}, because the flow through it is 0 or more than float64 holds, whatever seed and images; leave {name} "
                "out of proxies.scores"
            )
        why = ", because it responds alike to two of the images" if name == NASWOT else ""
        raise ConfigError(f"{fact}{why}; choose another seed, proxies.batch_size or proxies.scores")


def _layers(space: SearchSpace, costs: CostTable) -> tuple[npt.NDArray[np.float64], ...]:
    """Return the number of layers that are no identity, per block and row of the cost table: they add up as they are."""
    return tuple(
        np.array([float(space.parse_path(costs.path[row]).effective_depth) for row in costs.rows(number)])
        for number in range(1, costs.num_blocks + 1)
    )


def untrained(context: Context, *, seed: int) -> Build:
    """Return what builds an untrained network of a recipe's space on its device, from architecture and number of the draw.

    Draw number i has the initial weights of seed `seed` + i.
    """
    mean, std = normalization_of(context.recipe.built_teacher)

    def build(architecture: Architecture, number: int) -> nn.Module:
        model = build_model(
            architecture,
            num_classes=context.num_classes,
            image_size=context.image_size,
            mean=mean,
            std=std,
            config=RetrainConfig(),
            seed=seed + number,
        )
        return context.runtime.place(model)

    return build


def proxy_images(context: Context, config: ProxiesConfig, *, seed: int) -> tuple[Batch, ...]:
    """Return a batch of training images for every draw of the initial weights."""
    runtime = context.runtime
    return proxy_batches(
        context.data.train,
        config.scores,
        number=config.num_seeds,
        batch_size=config.batch_size,
        runtime=runtime,
        normalize=Normalization(*normalization_of(context.recipe.built_teacher)).to(runtime.device),
        seed=seed,
    )
