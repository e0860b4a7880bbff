"""Two generations of the tiny recipe, run once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.lineage import LineageFolder
from helixnas.engine.progress import Reporter
from helixnas.generations.run import run_generations
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig, StopConfig
from helixnas.pipeline.recipe import Recipe


@contextmanager
def _empty_pages() -> Iterator[None]:
    def write_page(out: LineageFolder) -> Path:
        out.report.write_text("<html></html>")
        return out.report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helixnas.pipeline.run.build_report", lambda run: run / "report.html")
        patch.setattr("helixnas.generations.run.build_generations_page", write_page)
        yield


@pytest.fixture(scope="module", autouse=True)
def _plain_pages() -> Iterator[None]:
    """Pages have their own tests, and cost seconds."""
    with _empty_pages():
        yield


@pytest.fixture(scope="session")
def tiny_plus(tiny: Recipe) -> Recipe:
    """Return the tiny recipe with two generations, which are compared after an epoch of training."""
    stop = StopConfig(num_networks=20, num_epochs=1)
    return replace(
        tiny,
        name="tiny-plus",
        stitching=replace(tiny.stitching, num_architectures=0),  # saves seconds
        proxies=replace(tiny.proxies, num_networks=3, batch_size=8),
        generations=GenerationsConfig(number=2, teacher=NextTeacherConfig(width=1.5, depth=2.0), stop=stop),
    )


@pytest.fixture(scope="session")
def _two(tiny_plus: Recipe, tmp_path_factory: pytest.TempPathFactory) -> LineageFolder:
    out = LineageFolder(tmp_path_factory.mktemp("lineages") / "two")
    with _empty_pages():  # a fixture of the session begins before those of a module
        run_generations(tiny_plus, out, Reporter())
    return out


@pytest.fixture
def two(_two: LineageFolder, tmp_path: Path) -> LineageFolder:
    """Return a copy of two finished generations."""
    shutil.copytree(_two.path, tmp_path / "two")
    return LineageFolder(tmp_path / "two")
