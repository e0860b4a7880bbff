"""proxies: zero-cost proxies of random untrained networks, fitted additively so that every path has a score."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage, Values
from helixnas.pipeline.stages.wording import BACKWARD
from helixnas.proxies.config import NASWOT, NEED_LABELS, SYNFLOW, ProxiesConfig

FLOAT64 = 2
"""Time of a pass in float64, in passes in float32."""


def with_proxies(values: Values, upstream: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of stages and, where the recipe has proxies, theirs."""
    return (*upstream, "proxies") if values["proxies"]["num_networks"] else upstream


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    if not values["proxies"]["num_networks"]:
        return None
    return {"proxies": values["proxies"], "data": values["data"], "seed": values["seed"]}


def _describe(recipe: Recipe, search: str) -> str:
    proxies = recipe.proxies
    return f"{', '.join(proxies.scores)} of {proxies.num_networks} random untrained networks"


def _passes(config: ProxiesConfig) -> int:
    """Return the forward passes of one image that scoring a network once takes as long as."""
    both_ways = 1 + BACKWARD
    of_batch = sum({NASWOT: 1, **dict.fromkeys(NEED_LABELS, both_ways)}.get(name, 0) for name in config.scores)
    of_ones = FLOAT64 * both_ways if SYNFLOW in config.scores else 0  # SynFlow sees a single image
    return config.batch_size * of_batch + of_ones


def _seconds(recipe: Recipe, times: ForwardTimes) -> float:
    proxies = recipe.proxies
    return proxies.num_networks * proxies.num_seeds * _passes(proxies) * times.network


PROXIES = Stage(
    name="proxies",
    verb="proxies",
    purpose="score random untrained networks by zero-cost proxies, and fit a score to every path",
    settings=_settings,
    upstream=lambda values, search: ("costs",),
    describe=_describe,
    seconds=_seconds,
    work="helixnas.pipeline.work.proxies:score",
    checks=("helixnas.pipeline.work.proxies:check_images",),
    files=("proxies/block-*.parquet", "proxies/networks.json"),
)
