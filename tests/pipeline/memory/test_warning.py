"""Warnings where memory may not do."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.pipeline.hardware.machine import Machine
from helixnas.pipeline.memory import warning
from helixnas.pipeline.memory.warning import memory_warnings
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage

NEEDED = ("distill", "rate", "retrain")


def with_memory(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(warning, "this_machine", lambda: Machine(num_cores=1, memory=memory))


def test_nothing_is_said_or_counted_where_memory_is_plenty(tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 2**40)
    monkeypatch.setattr(warning, "sketch", lambda recipe, num_classes: pytest.fail("counted"))
    assert memory_warnings(tiny, NEEDED) == ()
    with_memory(monkeypatch, 1000)
    assert memory_warnings(tiny, ("costs", "search")) == ()  # no batches


def test_nothing_is_said_where_the_count_finds_enough(tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 2**27)
    assert memory_warnings(tiny, NEEDED) == ()


def test_each_stage_that_may_not_fit_gets_a_batch_that_would(tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 5 * 2**20)
    found = memory_warnings(tiny, NEEDED)
    assert len(found) == 2
    assert found[0].startswith(
        "distillation may need about 0.0 GiB of memory at distill.batch_size=64, but 0.0 GiB are free"
    )
    assert found[0].endswith("set distill.batch_size=32")
    assert found[1].startswith("retraining may need")
    assert found[1].endswith("set retrain.fit.microbatch_size=16")
    odd = replace(tiny, retrain=replace(tiny.retraining, fit=replace(tiny.retraining.fit, batch_size=63)))
    assert memory_warnings(odd, ("retrain",))[0].endswith("set retrain.fit.batch_size=15")
    with_memory(monkeypatch, 1000)
    (text,) = memory_warnings(tiny, ("distill",))
    assert text.endswith("a single image is too much: choose a smaller data.image_size or teacher")


def test_a_run_says_it_before_its_first_stage(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 5 * 2**20)
    said: list[str] = []
    reporter = Reporter()
    monkeypatch.setattr(reporter, "say", said.append)
    run_recipe(tiny, RunFolder(tmp_path / "run"), reporter, until="teacher")
    assert not [text for text in said if text.startswith("warning: distillation may need")]
    run_recipe(tiny, RunFolder(tmp_path / "run"), reporter, until="distill")
    told = [text.split(":")[0] for text in said]
    assert "warning: distillation may need" in " ".join(said)
    assert told.index("warning") < told.index("distill")


def test_a_search_of_a_finished_run_opens_no_images(
    finished: RunFolder, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.pipeline.context.open_data", lambda *given, **how: pytest.fail("images were opened"))
    run_stage(tiny, finished, Reporter(), verb="search", name=None)
