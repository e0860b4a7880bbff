"""stitch: random networks assembled from the supernet, to check that scores of blocks add up."""

from helixnas.pipeline.stage import Stage

STITCH = Stage(
    name="stitch",
    verb="rate",
    settings=lambda values, search: {"stitching": values["stitching"]},
    upstream=lambda values, search: ("rate", "costs"),
    describe=lambda recipe, search: f"{recipe.stitching.num_architectures} random networks",
    macs=lambda recipe, sizes: (
        recipe.data.num_rating * recipe.stitching.num_architectures * (sizes.network_macs + sizes.teacher_macs)
    ),
    work="helixnas.pipeline.work.stitch:stitch",
    files=("ratings/stitching.json",),
)
