"""Two generations of the tiny recipe, run once."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.lineage import LineageFolder
from helixnas.engine.progress import Reporter
from helixnas.generations.run import run_generations
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig, StopConfig
from helixnas.pipeline.recipe import Recipe


@pytest.fixture(scope="session", autouse=True)
def _plain_pages(plain_page: None) -> Iterator[None]:
    """Pages have their own tests, and cost seconds."""

    def write(out: LineageFolder) -> Path:
        out.report.write_text("<html></html>")
        return out.report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helixnas.generations.run.build_generations_page", write)
        yield


@pytest.fixture(scope="session")
def tiny_plus(tiny: Recipe) -> Recipe:
    """Return the tiny recipe with two generations, which are compared after an epoch of training."""
    stop = StopConfig(num_networks=20, num_epochs=1)
    return replace(
        tiny,
        name="tiny-plus",
        stitching=replace(tiny.stitching, num_architectures=0),  # saves seconds
        generations=GenerationsConfig(number=2, teacher=NextTeacherConfig(width=1.5, depth=2.0), stop=stop),
    )


@pytest.fixture(scope="session")
def _two(tiny_plus: Recipe, tmp_path_factory: pytest.TempPathFactory) -> LineageFolder:
    out = LineageFolder(tmp_path_factory.mktemp("lineages") / "two")
    run_generations(tiny_plus, out, Reporter())
    return out


@pytest.fixture
def two(_two: LineageFolder, tmp_path: Path) -> LineageFolder:
    """Return a copy of two finished generations."""
    shutil.copytree(_two.path, tmp_path / "two")
    return LineageFolder(tmp_path / "two")
