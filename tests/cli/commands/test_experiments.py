"""Commands of experiments: their options reach the plan; a dry run needs no data."""

import re
from pathlib import Path

import pytest

from helixnas.cli import main
from helixnas.cli.commands.experiments import COMMANDS, bench_words
from helixnas.lab.baselines import BaselineConfig


def test_networks_within_limits_are_drawn_beside_a_given_one(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "bench",
        "build",
        "--recipe",
        tiny,
        "--num-networks",
        "3",
        "--network",
        "12:mb6_k3 12:mb3_k3,mb6_k3",
        "--dry-run",
    ]
    assert main([*words, "--min=macs=1k", "--max", "macs=100M"]) == 0
    assert "4 of the 24 networks of space tiny" in capsys.readouterr().out


def test_defaults_of_a_baseline_are_those_of_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    (baseline,) = (command for command in COMMANDS if command.name == "baseline")
    options = baseline.parse(["runs/a", "spos", "--bench", "b.json"])
    with pytest.raises(SystemExit):
        baseline.parse(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    config = BaselineConfig(method="spos", num_networks=3)
    for name in ("num_epochs", "num_points", "num_seeds", "lr", "momentum", "weight_decay"):
        assert getattr(options, name) is None
        assert re.search(rf"--{name.replace('_', '-')} .*?; {getattr(config, name):g} if not given", said), name
    assert options.batch_size is None  # it depends on the method


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rank", "no/run", "--bench", "b.json", "--seed", "-1"], "--seed must be at least 0, not -1"),
        (
            ["baseline", "no/run", "enas", "--bench", "b.json"],
            "METHOD must be one of spos, fairnas, darts, mnasnet, naswot, synflow, zico, gradnorm, snip, num_layers, not",
        ),
        (["baseline", "no/run", "spos"], "--bench is missing; see helixnas baseline --help"),
        (["bench", "burn", "--recipe", "digits"], "ACTION must be one of build, not 'burn'"),
        (["study", "intreface"], "unknown study 'intreface'; did you mean interface"),
    ],
)
def test_a_mistake_is_one_sentence_without_a_run(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_a_study_dry_runs_without_data(capsys: pytest.CaptureFixture[str], tiny: str) -> None:
    assert main(["study", "seeds", "--base", tiny, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "variants, in studies/seeds-tiny/variants:" in said
    assert "to do: teacher, costs, distill, rate, stitch, search:any" in said


def test_the_command_of_a_benchmark_s_jobs_plans_the_same_benchmark() -> None:
    words = (
        "build --recipe digits --space macro --max macs=9M --max params=1M --min macs=1M --network a --num-trainings 2"
    )
    command = next(command for command in COMMANDS if command.name == "bench")
    options = command.parse([*words.split(), "--retrain.fit.num_epochs", "3", "--executor", "local:2"])
    own = bench_words(options, Path("benchmarks/digits.json"))
    again = command.parse([*own[1:], "--job", "network-1-training-1"])
    for name in ("recipe", "space", "max", "min", "network", "num_networks", "num_trainings", "overrides"):
        assert getattr(again, name) == getattr(options, name)
    assert (own[0], again.out, again.executor, again.job) == (
        "bench",
        "benchmarks/digits.json",
        None,
        "network-1-training-1",
    )
