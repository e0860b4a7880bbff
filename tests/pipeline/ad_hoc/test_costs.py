"""Latency in a run: measured beside its recipe or as its recipe says, exported, read back, and searched under."""

import json
import os
import shutil
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from helixnas.artifacts import CostTable
from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.tables.search import show_outcome
from helixnas.costs import CostsConfig
from helixnas.engine.progress import Advance, Reporter
from helixnas.errors import ArtifactError, ConfigError, InfeasibleBudgetError, Interrupted
from helixnas.pipeline.ad_hoc.costs import run_costs
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.search.config import SearchConfig

QUICK = CostsConfig(latency="pytorch-eager", num_rounds=1, num_networks=2)


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


@pytest.fixture(scope="module")
def timed(finished: RunFolder, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run with latencies measured beside its recipe; for reading, or to be copied."""
    folder = RunFolder(tmp_path_factory.mktemp("timed") / "run")
    shutil.copytree(finished.path, folder.path)
    run_costs(tiny, folder, Reporter(), config=QUICK, export=None)
    return folder


def test_latency_beside_the_recipe_leaves_everything_else_done(timed: RunFolder, tiny: Recipe, listener) -> None:
    assert load_costs(timed, timed.load_record()).resource("latency_ns").min() >= 0
    assert list(CostTable.load(timed.costs).resources) == ["params", "macs", "flops", "activation_bytes"]
    run_recipe(tiny, timed, listener)
    assert all("done already" in said or "report" in said for said in listener.said)
    assert not list(timed.path.glob("checkpoints/*"))


def test_the_error_against_whole_networks_is_stored_and_told(copy: RunFolder, tiny: Recipe, listener) -> None:
    run_costs(tiny, copy, listener, config=QUICK, export=None)
    stored = json.loads(copy.latency_report.read_text())
    assert len(stored["networks"]) == 2
    assert set(stored["error"]) == {"median", "worst", "bias"}
    assert (stored["runtime"], stored["measured_here"], stored["image_size"]) == ("pytorch-eager", True, 8)
    assert any("error of summed latency on 2 random networks" in said for said in listener.said)
    run_costs(tiny, copy, listener, config=QUICK, export=None)
    assert "latency: done already" in listener.said


def test_without_options_the_recipe_says_what_is_measured(copy: RunFolder, tiny: Recipe, listener) -> None:
    run_costs(tiny, copy, listener, config=None, export=None)
    assert listener.said == ["costs: done already"]
    run_costs(replace(tiny, costs=QUICK), copy, listener, config=None, export=None)
    assert "latency" in copy.load_record().stages


def test_a_runtime_that_is_not_there_costs_no_earlier_measurement(
    timed: RunFolder, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA device"):
        run_costs(tiny, timed, Reporter(), config=replace(QUICK, latency="pytorch-eager-cuda"), export=None)
    with pytest.raises(ArtifactError, match="there is no such file"):
        run_costs(tiny, timed, Reporter(), config=CostsConfig(latency_csv="none.csv"), export=None)
    assert "latency" in timed.load_record().stages


def test_an_interrupted_measurement_goes_on_with_the_rounds_that_are_left(copy: RunFolder, tiny: Recipe) -> None:
    notes: list[str] = []

    class Watch(Reporter):
        @contextmanager
        def progress(self, title: str, total: int) -> Generator[Advance]:
            def advance(done: int, note: str = "", *, total: int | None = None) -> None:
                notes.append(note)
                if len(notes) == 17:
                    os.kill(os.getpid(), signal.SIGINT)

            yield advance

    config = replace(QUICK, num_rounds=4)
    with pytest.raises(Interrupted, match="everything so far is saved"):
        run_costs(tiny, copy, Watch(), config=config, export=None)
    assert notes[-1] == "round 2 of 4"
    assert "latency" not in copy.load_record().stages
    run_costs(tiny, copy, Watch(), config=config, export=None)
    assert [note for note in notes[17:] if note.startswith("round")] == ["round 3 of 4", "round 4 of 4"]
    assert not list(copy.path.glob("checkpoints/*"))


def test_a_latency_budget_is_searched_measured_and_stored(
    timed: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(shutil.copytree(timed.path, tmp_path / "run"))
    limit = SearchConfig(max={"latency_ms": 1000, "params": "100k"})
    ((_, outcome),) = search_run(folder, "fast", limit)
    assert outcome.latency is not None
    assert outcome.latency.is_met
    stored = json.loads((folder.search("fast") / "result.json").read_text())
    assert stored["max"] == {"latency_ms": 1000, "params": "100k"}
    assert stored["latency"]["rounds"][0]["measured_ns"] > 0
    monkeypatch.setattr("helixnas.costs.measure_network", lambda *words: 2 * 10**9)
    ((_, outcome),) = search_run(folder, "slow", limit)
    assert outcome.latency is not None
    assert not outcome.latency.is_met
    assert outcome.latency.is_exhausted


def test_a_latency_budget_without_latency_says_how_to_measure_it(copy: RunFolder, tiny: Recipe) -> None:
    with pytest.raises(
        ConfigError, match=r"latency_ms is limited, but latency was not measured in this run; .* helixnas costs"
    ):
        search_run(copy, None, SearchConfig(max={"latency_ms": 5}))
    changed = replace(tiny, searches={"fast": SearchConfig(max={"latency_ms": 5})}, seed=1)
    with pytest.raises(ConfigError, match="search fast: latency_ms is limited, but latency was not measured"):
        run_recipe(changed, RunFolder(copy.path.parent / "new"), Reporter())


def test_a_recipe_may_measure_and_limit_latency(copy: RunFolder, tiny: Recipe, listener) -> None:
    recipe = replace(tiny, costs=QUICK, searches={"small": SearchConfig(max={"latency_ms": 1000})}, retrain=None)
    run_recipe(recipe, copy, listener, until="search")
    record = copy.load_record()
    assert "the budget of 1000 ms is met" in record.stages["search:small"].facts["latency"]
    assert "distill: done already" in listener.said
    run_recipe(replace(recipe, costs=replace(QUICK, num_networks=0)), copy, listener, until="search")
    assert "re-running latency: costs.num_networks changed from 2 to 0" in listener.said
    assert "re-running search:small: an earlier stage changed" in listener.said


def test_times_of_another_device_are_read_and_its_winner_is_not_measured(
    copy: RunFolder, tiny: Recipe, tmp_path: Path, listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.costs.benchmarks.save_onnx", lambda module, images, path: None)
    monkeypatch.setattr("helixnas.costs.benchmarks.require_onnx", lambda purpose: None)
    device = CostsConfig(num_networks=1, batch_size=4)
    run_costs(tiny, copy, listener, config=device, export=tmp_path / "device")
    assert "ONNX files and timings.csv are in" in listener.said[-1]
    file = tmp_path / "device" / "timings.csv"
    file.write_text(file.read_text().replace(",\n", ",0.25\n"))
    run_costs(tiny, copy, listener, config=CostsConfig(latency_csv=str(file)), export=None)
    costs = load_costs(copy, copy.load_record())
    assert np.unique(costs.resource("latency_ns")).tolist() == [0, 250_000]
    assert (costs.facts["latency_batch_size"], costs.facts["latency_runtime"]) == (4, str(file))
    ((_, outcome),) = search_run(copy, "device", SearchConfig(max={"latency_ms": 1}))
    assert outcome.latency is not None
    assert outcome.latency.is_met is None
    file.write_text(file.read_text().replace("0.25", "0.5"))
    run_costs(tiny, copy, listener, config=CostsConfig(latency_csv=str(file)), export=None)
    assert load_costs(copy, copy.load_record()).resource("latency_ns").max() == 500_000


def test_latency_is_measured_again_only_where_that_is_asked_for(
    timed: RunFolder, tmp_path: Path, tiny: Recipe, listener
) -> None:
    folder = RunFolder(shutil.copytree(timed.path, tmp_path / "run"))
    first = folder.load_record().stages["latency"]
    run_costs(tiny, folder, listener, config=QUICK, export=None)
    assert listener.said[-1].startswith("to measure latency again with the same settings: helixnas costs ")
    assert folder.load_record().stages["latency"] == first
    run_costs(tiny, folder, listener, config=QUICK, export=None, again=True)
    assert listener.said[-1].startswith("latency: runtime pytorch-eager")
    assert folder.load_record().stages["latency"].finished >= first.finished
    assert "done already" not in listener.said[-1]
    with pytest.raises(
        ConfigError, match="the recipe of this run measures no latency; add --latency RUNTIME to --again"
    ):
        run_costs(tiny, folder, listener, config=None, export=None, again=True)


def test_what_stood_on_latencies_is_opened_again_with_them(
    timed: RunFolder, tmp_path: Path, tiny: Recipe, listener
) -> None:
    folder = RunFolder(shutil.copytree(timed.path, tmp_path / "run"))
    limited = replace(tiny, searches={"small": SearchConfig(max={"latency_ms": 1000})}, costs=QUICK, retrain=None)
    run_recipe(limited, folder, listener)
    assert "search:small" in folder.load_record().stages
    run_costs(limited, folder, listener, config=None, export=None, again=True)
    assert "to redo with the new latencies: search:small" in listener.said
    assert "search:small" not in folder.load_record().stages


def test_latency_is_shown_in_milliseconds(timed: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(shutil.copytree(timed.path, tmp_path / "run"))
    console = Console(file=StringIO(), width=250)
    ((name, outcome),) = search_run(
        folder, "fast", SearchConfig(max={"latency_ms": 1000}, front=("latency_ms", "macs"))
    )
    show_outcome(console, name, outcome, top=2)
    said = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "fast: latency_ms <= 1,000; proven best of 24" in said
    assert "on the front over latency_ms, macs" in said
    assert f"{outcome.predicted_ns / 1e6:.3f}" in said
    assert "latency_ns" not in said
    with pytest.raises(
        InfeasibleBudgetError, match=r"no architecture has latency_ms <= 0\.001; the space reaches latency_ms"
    ):
        search_run(folder, "none", SearchConfig(max={"latency_ms": 0.001}))
