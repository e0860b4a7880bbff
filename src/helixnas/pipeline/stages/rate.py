"""rate: the scores of every path of every block on held-out images (Eq. 7, Alg. 1)."""

from helixnas.pipeline.stage import Stage

RATE = Stage(
    name="rate",
    verb="rate",
    purpose="rate every path of every block, and test whether scores add up",
    settings=lambda values, search: {"rating": values["rating"]},
    upstream=lambda values, search: ("distill",),
    describe=lambda recipe, search: f"every path on {recipe.data.num_rating:,} images",
    seconds=lambda recipe, times: recipe.data.num_rating * (times.teacher + times.rating),
    work="helixnas.pipeline.work.rate:rate",
    files=("ratings/block-*.parquet",),
)
