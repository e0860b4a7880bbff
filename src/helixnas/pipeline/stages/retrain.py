"""retrain: train the winner of a named search from scratch."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.stage import Stage, Values
from helixnas.pipeline.stages.wording import fit_seconds, retrain_text


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    retrain = values["retrain"]
    if retrain is None or retrain["init"] != "scratch":
        return None
    return {"retrain": {name: value for name, value in retrain.items() if name not in ("init", "inherit")}}


RETRAIN = Stage(
    name="retrain",
    verb="retrain",
    purpose="train a searched architecture, from scratch or from inherited weights",
    settings=_settings,
    upstream=lambda values, search: (f"search:{search}",),
    describe=lambda recipe, search: retrain_text(
        recipe.retraining, recipe.retraining.fit, recipe.expected_training_images
    ),
    seconds=lambda recipe, times: fit_seconds(recipe.retraining.fit, recipe.expected_training_images, times.network),
    work="helixnas.pipeline.work.retrain:retrain",
    check="helixnas.pipeline.work.retrain:check_images",
    files=("searches/{search}/retrained/*", "history/retrain-{search}.parquet"),
    per_search=True,
)
