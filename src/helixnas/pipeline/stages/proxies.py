"""proxies: zero-cost proxies of random untrained networks, fitted additively so that every path has a score."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import Stage, Values


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


PROXIES = Stage(
    name="proxies",
    verb="proxies",
    purpose="score random untrained networks by zero-cost proxies, and fit a score to every path",
    settings=_settings,
    upstream=lambda values, search: ("costs",),
    describe=_describe,
    seconds=lambda recipe, times: (
        recipe.proxies.num_networks * recipe.proxies.num_seeds * recipe.proxies.batch_size * times.network
    ),
    work="helixnas.pipeline.work.proxies:score",
    files=("proxies/block-*.parquet", "proxies/networks.json"),
)
