"""Reads the folder of a run for its report: every artifact that exists; the others are None or empty.

A run may be half done, so absence is a value here. A file that is there and damaged is an error, as everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.files import damaged, read_json, read_text, understanding
from helixnas.artifacts.front import Front
from helixnas.artifacts.parquet import read_parquet
from helixnas.artifacts.peers.record import PeerComparison
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.artifacts.search_record import SearchRecord
from helixnas.errors import ArtifactError, HelixError
from helixnas.search import Certificate, Tables
from helixnas.search.stored import stored_tables
from helixnas.space import Architecture, Cell, SearchSpace, load_space
from helixnas.space.slicing import groups_by_depth


@dataclass(frozen=True)
class Curve:
    """A loss by step."""

    steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Search:
    """One named search: limits, result and trained networks."""

    name: str
    found: SearchRecord
    architecture: Architecture
    asked: Mapping[str, Mapping[str, Any]]
    """The limits as the user wrote them, under ``max`` and ``min``."""

    weighted: bool
    """Whether scores were weighted or combined before they were added up, so that other sums do not compare with them."""

    front: Front
    certificate: Certificate | None
    """The claim of the search that `helixnas verify` checks; None where the search wrote none."""

    comparison: tuple[Mapping[str, Any], ...]
    """Per method: method, score, excess, seconds, finished; empty where none was made."""

    metrics: Mapping[str, Any]
    """``accuracy``, ``num_images``, ``params`` after retraining from scratch; empty before."""

    peers: PeerComparison | None
    """The winner beside other networks of its size; None where it was not compared."""

    inherited: Mapping[str, Any]
    """The same after fine-tuning from inherited weights; empty before."""


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """Everything a run has left so far."""

    folder: Path
    record: RunRecord
    settings: Mapping[str, Any]
    """All settings of the run; empty where there are none."""

    space: SearchSpace | None
    """None where the settings name operations or a file that cannot be read any more."""

    ratings: tuple[RatingTable, ...]
    """One per block, or none."""

    tables: Tables | None
    """Ratings and costs as a search reads them; None where they are not complete."""

    stitching: Mapping[str, Any] | None
    """Stitched networks and the agreement of their measured divergence with score and size."""

    calibration: Mapping[str, Any] | None
    """Networks that were trained shortly, and how well scores rank them; None where none were."""

    moments: tuple[tuple[RatingTable, ...], ...]
    """Ratings of every moment of distillation, the end last; none where there is one moment only."""

    latency: Mapping[str, Any] | None
    """How latency was measured and how far sums are off; None where it was not."""

    searches: tuple[Search, ...]
    """In the order of the settings, then by name."""

    curves: Mapping[str, Mapping[str, Curve]]
    """Per stage, then by name; ``distill`` also holds blocks that were trained alone."""

    @property
    def teacher(self) -> Mapping[str, Any]:
        """Known facts of the teacher: model, params, macs, accuracy, num_evaluated; empty before its stage is done."""
        stage = self.record.stages.get("teacher")
        return {} if stage is None else stage.facts

    @property
    def leaves_retraining_out(self) -> bool:
        """Whether the recipe trains no network (retrain: null)."""
        return self.settings.get("retrain", {}) is None

    def cell_names(self, block: int) -> list[str]:
        """Return display names of the cells of a block (1 .. N), in their order; empty where the space is not known."""
        return [_group_name([cell]) for cell in self._cells(block)]

    def curve_names(self, block: int) -> list[str]:
        """Return display names of the cells of a block that are trained apart: all, or one per depth if they share weights."""
        if self.settings.get("supernet", {}).get("slimmable"):
            return [_group_name(group) for group in groups_by_depth(self._cells(block))]
        return self.cell_names(block)

    def _cells(self, block: int) -> tuple[Cell, ...]:
        if self.space is None or not 1 <= block <= len(self.space.blocks):
            return ()
        return self.space.blocks[block - 1].cells


def _group_name(cells: Sequence[Cell]) -> str:
    widths, depths = sorted({cell.width for cell in cells}), cells[0].depths
    span = f"{widths[0]} to {widths[-1]}" if len(widths) > 1 else str(widths[0])
    return f"{span} channels, {depths} layer{'s' if cells[0].depth > 1 else ''}"


def _moments(run: RunFolder, num_blocks: int, num_moments: int) -> tuple[tuple[RatingTable, ...], ...]:
    numbers = range(1, num_blocks + 1)
    found = [[run.rating_at(number, moment) for number in numbers] for moment in range(num_moments - 1, -1, -1)]
    return tuple(tuple(map(RatingTable.load, files)) for files in found if files and all(map(Path.is_file, files)))


def read_run(folder: Path) -> RunFiles:
    """Read what the run in `folder` has finished.

    Raises `ArtifactError` if there is no run, or one of its files is damaged.
    """
    run = RunFolder(folder)
    record = run.load_record()
    settings = run.load_settings() if run.config.is_file() else {}
    ratings = [RatingTable.load(path) for path in folder.glob("ratings/block-*.parquet")]
    ratings.sort(key=lambda table: table.block)
    return RunFiles(
        folder=folder,
        record=record,
        settings=settings,
        space=_space(settings.get("space")),
        ratings=tuple(ratings),
        tables=_tables(run, record, settings),
        stitching=read_json(run.stitching) if run.stitching.is_file() else None,
        calibration=read_json(run.calibration_networks) if run.calibration_networks.is_file() else None,
        moments=_moments(run, len(ratings), settings.get("distill", {}).get("num_moments", 1)),
        latency=read_json(run.latency_report) if run.latency_report.is_file() else None,
        searches=_searches(folder / "searches", list(settings.get("searches") or ())),
        curves=_curves(folder / "history"),
    )


def _tables(run: RunFolder, record: RunRecord, settings: Mapping[str, Any]) -> Tables | None:
    """Return what a search reads; None while a stage is missing, or where stages are of different spaces for now."""
    if not {"rate", "costs"} <= set(record.stages):
        return None
    load_costs(run, record)  # a damaged table is an error
    try:
        return stored_tables(run, record, settings)
    except ArtifactError:
        return None


def _space(definition: Any) -> SearchSpace | None:
    try:
        return None if definition is None else load_space(definition)
    except HelixError:
        return None


def _searches(folder: Path, order: list[str]) -> tuple[Search, ...]:
    names = sorted(path.parent.name for path in folder.glob("*/result.json"))
    rank = {name: position for position, name in enumerate(order)}
    return tuple(_search(folder / name) for name in sorted(names, key=lambda name: (rank.get(name, len(rank)), name)))


def _search(folder: Path) -> Search:
    found = SearchRecord.load(folder / "result.json")
    metrics, inherited = (folder / place / "metrics.json" for place in ("retrained", "inherited"))
    certificate, comparison, peers = (folder / f"{name}.json" for name in ("certificate", "comparison", "peers"))
    with understanding(folder / "result.json"):
        asked = {part: found.config[part] for part in ("max", "min")}
        weighted = bool(found.config["weights"] or found.config["scores"])
    with understanding(comparison):
        methods = tuple(read_json(comparison)["methods"]) if comparison.is_file() else ()
    return Search(
        name=folder.name,
        found=found,
        architecture=_architecture(folder / "architecture.json"),
        asked=asked,
        weighted=weighted,
        front=Front.load(folder / "front.parquet"),
        certificate=Certificate.load(certificate) if certificate.is_file() else None,
        comparison=methods,
        metrics=read_json(metrics) if metrics.is_file() else {},
        peers=PeerComparison.load(peers) if peers.is_file() else None,
        inherited=read_json(inherited) if inherited.is_file() else {},
    )


def _architecture(path: Path) -> Architecture:
    text = read_text(path)
    try:
        return Architecture.from_json(text)
    except HelixError as error:
        raise damaged(path, error) from error


def _curves(folder: Path) -> dict[str, dict[str, Curve]]:
    curves = {path.stem: _lines(path) for path in sorted(folder.glob("*.parquet"))}
    alone = [name for name in curves if name.startswith("distill-")]
    if alone and "distill" not in curves:
        curves["distill"] = {name: line for stage in alone for name, line in curves[stage].items()}
    return {name: lines for name, lines in curves.items() if name not in alone and lines}


def _lines(path: Path) -> dict[str, Curve]:
    table, _ = read_parquet(path, kind="history")
    names = np.array(table["name"].to_pylist(), dtype=object)
    steps, values = table["step"].to_numpy(), table["value"].to_numpy().astype(np.float64)
    return {name: Curve(steps[names == name], values[names == name]) for name in dict.fromkeys(names.tolist())}
