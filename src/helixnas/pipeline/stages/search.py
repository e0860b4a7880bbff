"""search: the best architecture under the budgets of a named search, found exactly (Eq. 4, Alg. 2)."""

from helixnas.pipeline.stage import Stage, Values
from helixnas.pipeline.stages.calibrate import with_calibration
from helixnas.pipeline.stages.costs import is_measured
from helixnas.pipeline.stages.proxies import with_proxies
from helixnas.proxies.config import PROXIES
from helixnas.search.amounts import LATENCY_LIMITS


def _upstream(values: Values, search: str) -> tuple[str, ...]:
    config = values["searches"][search]
    limited = {name for part in ("max", "min", "front") for name in config.get(part) or ()}
    timed = is_measured(values) and limited.intersection(LATENCY_LIMITS)
    upstream = ("rate", "costs", "latency") if timed else ("rate", "costs")
    upstream = with_proxies(values, upstream) if set(config["scores"]).intersection(PROXIES) else upstream
    return with_calibration(config["scores"], upstream)


SEARCH = Stage(
    name="search",
    verb="search",
    purpose="find the best architecture under budgets",
    settings=lambda values, search: {"search": values["searches"][search]},
    upstream=_upstream,
    describe=lambda recipe, search: "milliseconds to seconds",
    checks=("helixnas.pipeline.work.early_budgets:check_before_teacher",),
    work="helixnas.pipeline.work.search:search",
    files=tuple(
        f"searches/{{search}}/{name}"
        for name in ("front.parquet", "architecture.json", "result.json", "certificate.json")
    ),
    per_search=True,
)
