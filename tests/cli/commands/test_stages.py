"""One command per verb of the stages; retrain with another recipe, with inherited weights, and mistakes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from helixnas.cli import main
from helixnas.cli.commands.stages import COMMANDS, ELSEWHERE
from helixnas.cli.settings import read_recipe, read_training
from helixnas.errors import UnknownNameError
from helixnas.pipeline import stages
from helixnas.report import build_report
from helixnas.retrain import RetrainConfig


@pytest.mark.slow
def test_inherited_weights_lie_beside_those_from_scratch_and_are_opened_by_folder(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["retrain", run, "--init", "inherited"]) == 0
    assert "inherit:small: " in capsys.readouterr().out
    assert main(["status", run]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "inherit:small" in said
    assert (Path(run) / "searches" / "small" / "inherited" / "model.safetensors").is_file()
    assert main(["validate", run, "--batch-size", "60"]) == 0  # where there is no other, it is the run's network
    assert "the new head alone fitted" in build_report(Path(run)).read_text()


def test_another_recipe_of_retraining_becomes_that_of_the_run(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = {"description": "Mine.", "fit": {"num_epochs": 1, "batch_size": 64, "microbatch_size": 32}}
    Path("mine.yaml").write_text(yaml.safe_dump(own))
    assert main(["retrain", run, "--recipe", "mine.yaml"]) == 0
    assert yaml.safe_load((Path(run) / "config.yaml").read_text())["retrain"]["fit"]["microbatch_size"] == 32
    capsys.readouterr()
    assert main(["retrain", run]) == 0
    assert capsys.readouterr().out == "retrain:small: done already\n"


def test_a_recipe_may_name_its_retraining_and_options_change_it(tiny: str) -> None:
    settings = yaml.safe_load(Path(tiny).read_text())
    Path("named.yaml").write_text(yaml.safe_dump({**settings, "retrain": "deit"}))
    deit = read_training("deit", RetrainConfig, "retraining recipe")
    assert read_recipe("named.yaml").retrain == deit
    assert read_recipe(tiny, ["--retrain", "deit"]).retrain == deit
    Path("over.yaml").write_text("retrain: deit\n")
    assert read_recipe(tiny, ["--config", "over.yaml"]).retrain == deit
    changed = read_recipe("named.yaml", ["--retrain.fit.lr", "0.5", "--retrain.teach=hard"]).retrain
    assert changed is not None
    assert (changed.fit.lr, changed.fit.mixup, changed.teach) == (0.5, 0.8, "hard")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--recipe", "effcientnet"], "unknown retraining recipe 'effcientnet'; did you mean efficientnet"),
        (["--recipe", "no.yaml"], "there is no retraining recipe file no.yaml"),
        (["--init", "supernet"], "--init must be one of scratch, inherited, not 'supernet'"),
        (["--name", "smal"], "unknown search 'smal'; did you mean small"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    run: str, complaint: Callable[..., str], words: list[str], sentence: str
) -> None:
    before = (Path(run) / "config.yaml").read_bytes()
    assert sentence in complaint("retrain", run, *words)
    assert (Path(run) / "config.yaml").read_bytes() == before


def test_a_setting_that_training_does_not_have_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("fit: {num_epoch: 3}\n")
    with pytest.raises(UnknownNameError, match="num_epoch'; did you mean num_epochs"):
        read_training(str(tmp_path / "mine.yaml"), RetrainConfig, "retraining recipe")


def test_a_batch_larger_than_the_data_is_one_sentence(run: str, complaint: Callable[..., str]) -> None:
    Path("mine.yaml").write_text("fit: {batch_size: 4096, microbatch_size: 128}\n")
    before = (Path(run) / "config.yaml").read_bytes()
    said = complaint("retrain", run, "--recipe", "mine.yaml")
    assert said == "retrain.fit.batch_size is 4,096, but there are only 1,378 training images; choose at most 1,378"
    assert (Path(run) / "config.yaml").read_bytes() == before
    assert not (Path(run) / "searches" / "small" / "retrained").exists()


def test_every_verb_has_one_command_with_the_purpose_of_its_first_stage() -> None:
    assert sorted(command.name for command in COMMANDS) == sorted(set(stages.verbs()) - set(ELSEWHERE))
    for command in COMMANDS:
        own = [stage for stage in stages.STAGES if stage.verb == command.name]
        assert command.purpose == own[0].purpose


def test_blocks_are_numbers(run: str, complaint: Callable[..., str]) -> None:
    said = complaint("distill", run, "--blocks", "1,b")
    assert said == "--blocks '1,b' must be numbers of blocks, for example 2 or 1,3"


def test_a_run_gets_proxies_that_it_keeps_and_its_scores_can_be_added_up(
    searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(searched, run)
    assert main(["proxies", str(run)]) == 2
    assert "the recipe scores no untrained networks (proxies.num_networks: 0); give --num-networks 100" in (
        capsys.readouterr().err
    )
    assert main(["proxies", str(run), "--num-networks", "2"]) == 2
    assert "--num-networks must be 0 or at least 3" in capsys.readouterr().err
    assert main(["proxies", str(run), "--num-networks", "4", "--scores", "naswot,num_layers"]) == 0
    assert main(["search", str(run), "--name", "both", "--scores", "relative_l1,num_layers", "--max", "macs=90%"]) == 0
    certificate = json.loads((run / "searches/both/certificate.json").read_text())
    assert list(certificate["scores"]) == ["relative_l1", "num_layers"]
    assert main(["proxies", str(run)]) == 0
    assert "proxies: done already" in capsys.readouterr().out
