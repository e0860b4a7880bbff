"""rate: the scores of every path on held-out images (Eq. 7, Alg. 1), and stitched networks to check that they add up."""

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import Stage
from helixnas.pipeline.stages.proxies import with_proxies


def _describe(recipe: Recipe, search: str) -> str:
    moments = recipe.distill.num_moments
    at = "" if moments == 1 else f", at {moments} moments of distillation"
    return f"every path on {recipe.data.num_rating:,} images{at}"


RATE = Stage(
    name="rate",
    verb="rate",
    purpose="rate every path of every block, and test whether scores add up",
    settings=lambda values, search: {"rating": values["rating"]},
    upstream=lambda values, search: ("distill",),
    describe=_describe,
    seconds=lambda recipe, times: recipe.distill.num_moments * recipe.data.num_rating * (times.teacher + times.rating),
    work="helixnas.pipeline.work.rate:rate",
    work_on_part="helixnas.pipeline.work.rate:rate_part",
    files=("ratings/block-*.parquet", "ratings/moment-*/block-*.parquet"),
)

STITCH = Stage(
    name="stitch",
    verb="rate",
    settings=lambda values, search: {"stitching": values["stitching"]},
    upstream=lambda values, search: with_proxies(values, ("rate", "costs")),
    describe=lambda recipe, search: f"{recipe.stitching.num_architectures} random networks",
    seconds=lambda recipe, times: (
        recipe.data.num_rating * recipe.stitching.num_architectures * (times.network + times.teacher)
    ),
    work="helixnas.pipeline.work.stitch:stitch",
    files=("ratings/stitching.json",),
)
