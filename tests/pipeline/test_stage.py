"""A stage is one value: one file and the list make a new one known to the plan, the dry run, the status and the verbs."""

import fnmatch
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import MADE, RunFolder
from helixnas.cli import main
from helixnas.cli.commands.stages import command_of
from helixnas.pipeline import stages
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage
from helixnas.pipeline.stage import Result, Stage, load


def _write(context: Any, key: str, search: str) -> Result:
    path = context.folder.path / "ratings" / "toy.txt"
    path.write_text(key)
    return Result(("ratings/toy.txt",), {"toys": 3})


TOY = Stage(
    name="toy",
    verb="play",
    purpose="play with the ratings",
    settings=lambda values, search: {"rating": values["rating"]["batch_size"]},
    upstream=lambda values, search: ("rate",),
    describe=lambda recipe, search: f"{recipe.rating.batch_size} toys",
    work=_write,
    files=("ratings/toy.txt",),
)


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    position = stages.STAGES.index(stages.RATE) + 1
    monkeypatch.setattr(stages, "STAGES", (*stages.STAGES[:position], TOY, *stages.STAGES[position:]))


@pytest.mark.usefixtures("with_toy")
def test_a_stage_in_the_list_is_known_everywhere(
    copy: RunFolder, tiny: Recipe, tiny_path: Path, listener: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [one.name for one in plan(tiny.to_dict())]
    assert names.index("toy") == names.index("rate") + 1
    assert main(["run", str(tiny_path), "--out", str(copy.path), "--dry-run"]) == 0
    assert "30 toys" in capsys.readouterr().out
    assert main(["status", str(copy.path)]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if "to do" in line][:1] == ["toy"]
    record = run_recipe(tiny, copy, listener, until="play")
    assert record.stages["toy"].facts == {"toys": 3}
    assert any(said.startswith("toy: toys 3") for said in listener.said)
    run_stage(tiny, copy, listener, verb="play", name=None)
    assert listener.said[-1] == "toy: done already"
    assert command_of("play").purpose == "play with the ratings"
    assert main(["run", str(tiny_path), "--out", str(copy.path), "--until", "pla"]) == 2
    assert "play" in capsys.readouterr().err


@pytest.mark.parametrize("stage", stages.STAGES, ids=lambda stage: stage.name)
def test_the_functions_that_a_stage_names_exist(stage: Stage) -> None:
    for function in (stage.work, *stage.checks, stage.check_before):
        assert function is None or callable(load(function))


def test_every_file_that_a_run_leaves_is_announced_by_its_stage(finished: RunFolder, tiny: Recipe) -> None:
    record = finished.load_record()
    for one in plan(tiny.to_dict()):
        patterns = [pattern.format(search=one.search) for pattern in one.stage.files]
        for file in record.stages[one.name].files:
            assert any(fnmatch.fnmatch(file, pattern) for pattern in patterns), f"{one.name}: {file}"


def test_a_run_that_is_replaced_loses_the_files_of_every_stage() -> None:
    assert {pattern.split("/")[0] for stage in stages.STAGES for pattern in stage.files} <= set(MADE)


def test_every_verb_has_a_purpose_and_an_order() -> None:
    assert stages.verbs() == ("teacher", "costs", "proxies", "distill", "rate", "calibrate", "search", "retrain")
    assert [stage.name for stage in stages.of_verb("distill")] == ["costs", "latency", "distill"]
    assert all(any(stage.purpose for stage in stages.STAGES if stage.verb == verb) for verb in stages.verbs())
