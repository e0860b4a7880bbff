"""rate: the scores of every path of every block on held-out images (Eq. 7, Alg. 1)."""

from helixnas.pipeline.stage import Stage

RATE = Stage(
    name="rate",
    verb="rate",
    purpose="rate every path of every block, and check that scores add up",
    settings=lambda values, search: {"rating": values["rating"]},
    upstream=lambda values, search: ("distill",),
    describe=lambda recipe, search: f"every path on {recipe.data.num_rating:,} images",
    macs=lambda recipe, sizes: recipe.data.num_rating * (sizes.teacher_macs + sizes.rated_macs),
    work="helixnas.pipeline.work.rate:rate",
    files=("ratings/block-*.parquet",),
)
