"""How well the sum that a search minimises ranks the stitched networks of a run.

The stitching check itself compares each kind of score, and the sums of the searches that the run had then.
"""

from helixnas.artifacts.files import read_json, understanding
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.study import Ranked
from helixnas.lab import Summed
from helixnas.pipeline.work.search import load_tables, reading_settings, require_scores
from helixnas.pipeline.work.stitch import stitching_summary
from helixnas.search.config import SearchConfig
from helixnas.space import load_space


def stitched_ranking(folder: RunFolder, config: SearchConfig) -> Ranked | None:
    """Return how the sum of a search ranks the stitched networks of a run; None where that check is not there."""
    if not folder.stitching.is_file():
        return None
    values = read_json(folder.stitching)
    with understanding(folder.stitching):
        if not values["agreement"]:
            return None
        rows = [dict(row) for row in values["architectures"]]
        texts = [str(row["architecture"]) for row in rows]
    tables = load_tables(folder, folder.load_record())
    require_scores(config.scores, tables, folder)
    with reading_settings(folder):
        space = load_space(folder.load_settings()["space"])
    summed = Summed.of(config, tables)
    sums = summed.sums(tables, [space.parse(text) for text in texts])
    with understanding(folder.stitching):
        own = [row | {"scores": {summed.name: float(each)}, "sums": {}} for row, each in zip(rows, sums, strict=True)]
        return Ranked.stitched(stitching_summary(own), summed.name, len(own))
