"""A small run made of artifacts alone: nothing is trained, every file is as the pipeline leaves it."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from helixnas.artifacts import CostTable, Front, RatingTable, RunRecord, StageRecord
from helixnas.artifacts.files import write_json, write_text
from helixnas.artifacts.parquet import write_parquet
from helixnas.artifacts.search_record import RunnerUp, SearchRecord
from helixnas.report import build_report
from helixnas.search.config import SearchConfig
from helixnas.space import SearchSpace, load_space

SPACE = {
    "family": "mbconv",
    "name": "made",
    "cells": [[[1, 8], [2, 8]], [[1, 16], [2, 24]]],
    "strides": [1, 2],
    "kernels": [3, 5],
    "expansions": [3, 6],
    "stem_width": 8,
    "stem_stride": 1,
    "separable_width": 0,
    "head_width": 32,
}


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=8000 --dump-dom "
    "--host-resolver-rules=MAP\u00a0*\u00a0~NOTFOUND"
)


class MadeRun:
    """Writes the artifacts of a run stage by stage, from a seeded generator."""

    def __init__(self, folder: Path, *, space: dict[str, Any], recipe: str) -> None:
        self.folder = folder
        self.space: SearchSpace = load_space(space)
        self.rng = np.random.default_rng(0)
        self.record = RunRecord(recipe=recipe, versions={"helixnas": "0", "torch": "0"})
        self.settings: dict[str, Any] = {"description": "Made.", "data": {"name": "digits"}, "space": space}
        write_text(folder / "config.yaml", yaml.safe_dump(self.settings))
        self.record.save(folder / "record.json")

    def finish(self, stage: str, files: Sequence[str] = (), **facts: Any) -> None:
        """Note a stage as done."""
        sizes = {file: (self.folder / file).stat().st_size for file in files}
        entry = StageRecord(
            key="k", settings={}, files=sizes, seconds=61.0, finished="2026-01-02T03:04:05+00:00", facts=facts
        )
        self.record = self.record.with_stage(stage, entry)
        self.record.save(self.folder / "record.json")

    def teacher(self) -> None:
        """Leave a trained teacher."""
        self._curves("teacher", ["loss"])
        self.finish("teacher", model="small_resnet", params=2000, macs=400_000, accuracy=0.75, num_evaluated=40)

    def distill(self) -> None:
        """Leave the loss curves of every cell."""
        blocks = enumerate(self.space.blocks, start=1)
        names = [f"block {k} cell {c + 1}" for k, block in blocks for c in range(len(block.cells))]
        self._curves("distill", names)
        self.finish("distill")

    def rate(self, num_batches: int = 4, digits: int = 12) -> None:
        """Leave the scores of every path after every width; with few `digits`, they often tie."""
        previous = [self.space.stem_width]
        for number, block in enumerate(self.space.blocks, start=1):
            rows = [(width, path) for width in previous for path in block.paths()]
            RatingTable(
                block=number,
                previous_width=np.array([width for width, _ in rows]),
                path=tuple(path.text for _, path in rows),
                width=np.array([path.width for _, path in rows]),
                batch_sizes=np.full(num_batches, 10),
                scores={"relative_l1": self.rng.uniform(0.4, 0.6, (len(rows), num_batches)).round(digits)},
            ).save(self.folder / "ratings" / f"block-{number}.parquet")
            previous = list(block.widths)
        self.finish("rate", [f"ratings/block-{number + 1}.parquet" for number in range(len(self.space.blocks))])

    def costs(self, most: int = 1000, latency: bool = False) -> None:
        """Leave random costs of every path, up to `most` each; small ones often tie. Latency is in whole milliseconds."""
        keys = [(0, 3, "", self.space.stem_width)]
        previous = [self.space.stem_width]
        for number, block in enumerate(self.space.blocks, start=1):
            keys += [(number, width, path.text, path.width) for width in previous for path in block.paths()]
            previous = list(block.widths)
        keys += [(len(self.space.blocks) + 1, width, "", 10) for width in previous]
        block, before, path, width = zip(*keys, strict=True)
        names = ("params", "macs", "activation_bytes")
        resources = {name: self.rng.integers(1, most + 1, len(keys)) for name in names}
        table = CostTable(np.array(block), np.array(before), path, np.array(width), resources, facts={})
        table.save(self.folder / "costs.parquet")
        self.finish("costs")
        if latency:
            times = {"latency_ns": 1_000_000 * self.rng.integers(1, most + 1, len(keys))}
            replace(table, resources=times).save(self.folder / "costs" / "latency.parquet")

    def stitch(self, **kendall: float) -> None:
        """Leave stitched networks and agreements with the given Kendall taus, or none where too few were stitched."""
        names = [self.space.sample(self.rng) for _ in range(12)]
        rows = [
            {
                "architecture": network.text,
                "score": float(self.rng.uniform(0.9, 1.1)),
                "divergence": float(self.rng.uniform(1, 2)),
                "accuracy": None,
                "depth": network.depth,
                "params": int(self.rng.integers(1000, 2000)),
                "macs": int(self.rng.integers(100_000, 200_000)),
            }
            for network in names
        ]
        write_json(
            self.folder / "ratings" / "stitching.json", {"architectures": rows, "agreement": _agreement(kendall)}
        )
        self.finish("stitch")

    def latency(self, networks: int = 3, measured_here: bool = True) -> None:
        """Leave measured latencies, each network a little slower than predicted."""
        rows = [
            {
                "architecture": self.space.sample(self.rng).text,
                "predicted_ns": 1_000_000 * (2 + number),
                "measured_ns": 1_100_000 * (2 + number),
            }
            for number in range(networks)
        ]
        values = {"runtime": "pytorch-eager", "measured_here": measured_here, "device": "cpu", "num_threads": 1}
        values |= {"num_rounds": 30, "batch_size": 1, "image_size": 16, "num_parts": 12, "networks": rows}
        values |= {"error": {"median": 0.0909, "worst": 0.0909, "bias": -0.0909} if rows else {}}
        write_json(self.folder / "costs" / "latency.json", values)
        self.finish("latency")

    def search(
        self, name: str, runners_up: list[tuple[float, float | None]], *, front_over: list[str] | None = None
    ) -> None:
        """Leave the outcome of a search, with (difference, standard error) of the runners-up."""
        folder, winner = self.folder / "searches" / name, self.space.sample(self.rng)
        others = [self.space.sample(self.rng).text for _ in runners_up]
        write_text(folder / "architecture.json", winner.to_json())
        resources = {"macs": np.array([120_000, 90_000]), "params": np.array([900, 700])}
        if "latency_ns" in (front_over or ()):
            resources["latency_ns"] = np.array([3_500_000, 2_500_000])
        Front(np.array([0.9, 1.0]), resources, (winner.text, winner.text)).save(folder / "front.parquet")
        SearchRecord(
            status="optimal",
            architecture=winner.text,
            score=0.9,
            costs={resource: int(amounts[0]) for resource, amounts in resources.items()},
            teacher={"macs": 400_000, "params": 2000},
            config=SearchConfig(max={"macs": "40%"}).to_dict(),
            upper={"macs": 160_000},
            lower={},
            front_over=tuple(front_over or ["macs"]),
            seconds=0.002,
            space_size=self.space.size,
            latency=None,
            runners_up=tuple(
                RunnerUp(architecture=text, difference=difference, standard_error=error)
                for text, (difference, error) in zip(others, runners_up, strict=True)
            ),
        ).save(folder / "result.json")
        self.finish(f"search:{name}")

    def retrain(self, name: str) -> None:
        """Leave the measurements of a retrained network."""
        self._curves(f"retrain-{name}", ["loss"])
        metrics = {"params": 900, "accuracy": 0.5, "loss": 1.5, "num_images": 100}
        metrics |= {"epochs": 4, "accuracy_by_epoch": [0.25, 0.375, 0.4, 0.5]}
        write_json(self.folder / "searches" / name / "retrained" / "metrics.json", metrics)
        self.finish(f"retrain:{name}", **metrics)

    def inherit(self, name: str) -> None:
        """Leave the measurements of a network that inherited the supernet's weights."""
        self._curves(f"inherit-{name}", ["loss"])
        metrics = {"params": 900, "accuracy": 0.6, "loss": 1.4, "num_images": 100, "accuracy_of_head": 0.4}
        metrics |= {"epochs": 2, "accuracy_by_epoch": [0.45, 0.55]}
        write_json(self.folder / "searches" / name / "inherited" / "metrics.json", metrics)
        self.finish(f"inherit:{name}", **metrics)

    def _curves(self, stage: str, names: list[str]) -> None:
        steps = np.arange(1, 31)
        columns = {
            "step": pa.array(np.tile(steps, len(names))),
            "name": pa.array(np.repeat(names, len(steps)).tolist()),
            "value": pa.array(np.tile(1.0 / steps, len(names))),
        }
        write_parquet(self.folder / "history" / f"{stage}.parquet", pa.table(columns), kind="history", facts={})


def _agreement(kendall: dict[str, float]) -> dict[str, Any]:
    """Return what the stitching check writes, with the given Kendall taus and intervals of +- 0.2."""
    if not kendall:
        return {}
    entries: dict[str, Any] = {
        name: {
            "kendall": tau,
            "kendall_interval": [tau - 0.2, tau + 0.2],
            "spearman": tau,
            "spearman_interval": [tau - 0.2, tau + 0.2],
        }
        for name, tau in kendall.items()
    }
    return entries | {"partial_spearman": 0.125, "partial_spearman_interval": [-0.125, 0.375]}


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., MadeRun]:
    """Return a function that begins a run of the small space."""

    def begin(space: dict[str, Any] = SPACE, recipe: str = "made") -> MadeRun:
        return MadeRun(tmp_path / "run", space=space, recipe=recipe)

    return begin


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> MadeRun:
    """Return a run with everything done and two searches; for reading only."""
    run = MadeRun(tmp_path_factory.mktemp("finished") / "run", space=SPACE, recipe="made")
    run.teacher()
    run.distill()
    run.rate()
    run.stitch(score=0.5, macs=0.25, params=0.125, depth=0.0)
    run.latency()
    run.search("small", [(0.001, 0.001), (0.004, 0.001)])
    run.search("tiny", [(0.003, 0.001)])
    run.retrain("small")
    run.retrain("tiny")
    run.inherit("small")
    run.costs(latency=True)
    return run


@pytest.fixture(scope="session")
def page(finished: MadeRun) -> Path:
    """Return the report of the finished run; for reading only."""
    return build_report(finished.folder)


@pytest.fixture
def own_run(finished: MadeRun, tmp_path: Path) -> Path:
    """Return the folder of a finished run without a report, to be changed at will."""
    copied = shutil.copytree(finished.folder, tmp_path / "own")
    (copied / "report.html").unlink(missing_ok=True)
    return copied


@pytest.fixture
def look_at(tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """Return a function that opens a page in the browser and returns the page as drawn, and what its console said."""

    def look_at(page: Path, width: int = 1280, *others: str) -> tuple[str, list[str]]:
        browser = next(path for path in map(shutil.which, BROWSERS) if path)
        flags = [flag.replace("\u00a0", " ") for flag in FLAGS.split(" ")]
        done = subprocess.run(
            [
                browser,
                *flags,
                *others,
                f"--window-size={width},900",
                f"--user-data-dir={tmp_path / 'profile'}",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]

    return look_at


@pytest.fixture
def too_wide(tmp_path: Path, look_at: Callable[..., tuple[str, list[str]]]) -> Callable[[Path, int], list[str]]:
    """Return a function that names what of a page reaches beyond a screen of so many pixels, however narrow.

    The page is shown in a frame, because a window of Chromium has a least width.
    """
    script = """
function look(frame) {
  const inside = frame.contentDocument, { scrollWidth, clientWidth } = inside.documentElement;
  const overflow = (one) => frame.contentWindow.getComputedStyle(one).overflowX;
  const scrolls = (one) => one && (/auto|scroll/.test(overflow(one)) || scrolls(one.parentElement));
  const all = scrollWidth > clientWidth ? [...inside.querySelectorAll("body *")] : [];
  const out = all.filter((one) => one.getBoundingClientRect().right > clientWidth + 1 && !scrolls(one));
  const reasons = all.length && !out.length ? ["something"] : out.map((one) => one.outerHTML.slice(0, 80));
  document.title = JSON.stringify([clientWidth, reasons]);
}
"""

    def too_wide(page: Path, width: int) -> list[str]:
        framing = tmp_path / f"frame-{width}.html"
        source = html.escape(page.read_text(encoding="utf-8"), quote=True)
        frame = f'<iframe onload="look(this)" style="width:{width}px;height:900px;border:0" srcdoc="{source}"></iframe>'
        framing.write_text(f"<title></title><body><script>{script}</script>{frame}</body>", encoding="utf-8")
        dom, console = look_at(framing)
        assert console == []
        found = re.search(r"<title>(.+?)</title>", dom)
        assert found is not None
        seen, out = json.loads(html.unescape(found[1]))
        assert width - 20 <= seen <= width
        return out

    return too_wide
