"""The tables of a run: its ratings, beside them zero-cost proxies and calibrated scores where it has them, and its costs."""

from collections.abc import Collection, Mapping
from typing import Any

from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.search.additive import beside
from helixnas.search.tables import Tables


def stored_tables(
    folder: RunFolder, record: RunRecord, settings: Mapping[str, Any], *, without: Collection[str] = ()
) -> Tables:
    """Return what a search of a run reads; stages that the `settings` leave out do not count, nor those `without`.

    Raises `ArtifactError` if the run is not rated yet, or stages are of different spaces.
    """
    number = sum(1 for file in record.stages["rate"].files if file.startswith("ratings/block-"))
    ratings = tuple(RatingTable.load(folder.rating(k)) for k in range(1, number + 1))
    others = (("proxies", "proxies", folder.proxy), ("calibrate", "calibration", folder.calibrated))
    for stage, section, file in others:
        if stage in record.stages and stage not in without and (settings.get(section) or {}).get("num_networks"):
            tables = [RatingTable.load(file(table.block)) for table in ratings]
            ratings = tuple(beside(table, own) for table, own in zip(ratings, tables, strict=True))
    return Tables(ratings=ratings, costs=load_costs(folder, record))
