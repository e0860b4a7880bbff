"""stitch: random networks assembled from the supernet, to check that scores of blocks add up."""

from helixnas.pipeline.stage import Stage

STITCH = Stage(
    name="stitch",
    verb="rate",
    settings=lambda values, search: {"stitching": values["stitching"]},
    upstream=lambda values, search: ("rate", "costs"),
    describe=lambda recipe, search: f"{recipe.stitching.num_architectures} random networks",
    seconds=lambda recipe, times: (
        recipe.data.num_rating * recipe.stitching.num_architectures * (times.network + times.teacher)
    ),
    work="helixnas.pipeline.work.stitch:stitch",
    files=("ratings/stitching.json",),
)
