"""The command line as a newcomer meets it: help, dry runs, a whole run, searches, interruptions."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from helixnas.artifacts.baseline import Baseline
from helixnas.artifacts.run_record import RunRecord
from helixnas.cli import main
from helixnas.cli.command import Command
from helixnas.cli.commands import COMMANDS
from helixnas.cli.shipped import KINDS, shipped_recipes
from helixnas.errors import ConfigError, Interrupted

by_name = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)

LIGHT = (
    "import sys; from helixnas.cli import main; code = main(sys.argv[1:]);"
    "heavy = {'torch', 'timm', 'torchvision'} & set(sys.modules); assert not heavy, heavy; sys.exit(code)"
)
"""A command line that must not load torch."""


def light(*words: str) -> str:
    """Return the output of a command that fails where it loads torch."""
    return subprocess.run([sys.executable, "-c", LIGHT, *words], check=True, capture_output=True, text=True).stdout


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^  {command.name} +{command.purpose[:20]}", said, re.MULTILINE) for command in COMMANDS)
    assert "helixnas demo" in " ".join(said.split())
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == said
    assert main(["--version"]) == 0
    assert re.match(r"\d+\.\d+", capsys.readouterr().out)


@by_name
def test_every_verb_has_help_that_shows_each_option_once(capsys: pytest.CaptureFixture[str], command: Command) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([command.name, "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr().out
    assert command.purpose[1:20] in " ".join(said.split())
    options = re.findall(r"^  (--[\w.-]+)", said, re.MULTILINE)
    assert len(options) == len(set(options))
    assert not any("_" in option for option in options)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.example], ids=lambda command: command.name)
def test_the_example_below_the_help_can_be_typed(capsys: pytest.CaptureFixture[str], command: Command) -> None:
    with pytest.raises(SystemExit):
        main([command.name, "--help"])
    assert command.example in " ".join(capsys.readouterr().out.split())
    _, verb, *words = command.example.split()
    assert verb == command.name == command.parse(words).verb


def test_help_of_run_shows_defaults_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    help_batch = (
        "--distill.batch-size VALUE Images per optimizer step. (a whole number (images), at least 1; default 512)"
    )
    assert said.count(help_batch) == 1
    assert "Image height and width; 0 for the teacher's input size." in said
    assert "%%" not in said
    assert said.startswith("usage: helixnas run RECIPE [options] [--SECTION.SETTING VALUE ...] Run all stages")


def test_the_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    said = capsys.readouterr().out
    names = [name for kind in KINDS for name in shipped_recipes(kind)]
    assert all(re.search(rf"^  {re.escape(name)} +\S", said, re.MULTILINE) for name in names)


@pytest.mark.parametrize(
    "recipe",
    [
        name if name in ("digits", "digits-vit", "folder++") else pytest.param(name, marks=pytest.mark.slow)
        for name in shipped_recipes()
    ],
)
def test_every_shipped_recipe_dry_runs_without_data(
    recipe: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.data.open_data", None)
    monkeypatch.setattr("helixnas.pipeline.estimate.seconds_per_image", lambda *given: 0.01)
    monkeypatch.chdir(tmp_path)
    assert main(["run", recipe, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"teacher \S.*: [\d.]+ M parameters, [\d,.]+ M multiply-adds at \d+ pixels", said)
    assert re.search(r"space \S+: [\d,]+ architectures; supernet [\d.]+ M parameters$", said, re.MULTILINE)
    assert re.search(r"^memory, estimated .*: .*distill [\d.]+ GiB at batch \d+, rate [\d.]+ GiB", said, re.MULTILINE)
    assert re.search(r"distill .* [\d,]+ steps .* to do", said)
    assert said.rstrip().endswith(f"to do it: helixnas run {recipe}")
    assert ("--hardware h100x8" in said) == recipe.startswith("imagenet-dna")  # a month and more on a CPU
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("training", shipped_recipes("retraining recipe"))
def test_every_retraining_recipe_dry_runs_in_a_recipe(training: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "digits", "--dry-run", "--retrain", training, "--retrain.fit.num_epochs", "3"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"retrain:small \S* ?3 epochs of batch \d+: \d+ steps", said.replace("│ ", "").replace("│", ""))


def test_a_run_can_be_stopped_after_a_stage_and_its_status_shown(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", tiny, "--until", "teacher", "--name", "first", "--teacher_fit.lr=0.01"]) == 0
    assert yaml.safe_load(Path("runs/first/config.yaml").read_text())["teacher_fit"]["lr"] == 0.01
    assert main(["status", "runs/first"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"teacher .* done", said)
    assert re.search(r"distill .* to do", said)
    assert "continue with: helixnas run runs/first/config.yaml --out runs/first" in said
    assert main(["run", tiny, "--dry-run", "--name", "first", "--teacher_fit.lr=0.01"]) == 0
    assert re.search(r"teacher .* done", capsys.readouterr().out)


def test_output_that_no_terminal_shows_is_short(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", tiny, "--until", "teacher"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["run", tiny, "--until", "teacher", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_new_budgets_are_searched_under_their_name(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", run, "--max", "macs=80%", "--max", "params=100k", "--name", "mine"]) == 0
    assert "mine: macs <= 99,014 and params <= 100,000; proven best of 24" in capsys.readouterr().out
    assert main(["search", run, "--name", "mine"]) == 0
    assert main(["search", run, "--max", "macs=80%"]) == 0
    assert {path.name for path in Path(run, "searches").iterdir()} == {"small", "mine", "max-macs-80pct"}


def test_latency_is_measured_and_limited(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--num-rounds", "1", "--num-networks", "1", "--num-threads", "1"]
    assert main(["costs", run, "--latency", "pytorch-eager", *quick]) == 0
    said = capsys.readouterr().out
    assert "error of summed latency on 1 random networks:" in said
    assert "latency: runtime pytorch-eager, parts 12" in said
    assert main(["search", run, "--max", "latency_ms=1000"]) == 0
    assert "the budget of 1000 ms is met" in capsys.readouterr().out
    assert main(["costs", run]) == 0
    assert capsys.readouterr().out == "costs: done already\n"
    again = ["costs", run, "--latency", "pytorch-eager", *quick, "--again"]
    assert main(again) == 0
    assert "latency: runtime pytorch-eager, parts 12" in capsys.readouterr().out


def test_a_search_is_compared_varied_and_verified(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["--max", "macs=150%", "--min", "params=1k", "--weights", "1,0.5", "--name", "mine"]
    assert main(["search", run, *limits, "--top", "2", "--diverse", "3", "--distance", "1", "--compare"]) == 0
    said = capsys.readouterr().out
    assert "mine: 3 answers that differ" in said
    assert "Algorithm 2" in said
    assert Path(run, "searches", "mine", "comparison.json").is_file()
    assert main(["verify", run]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^mine: .*; optimum: confirmed by HiGHS .*; not verified: ", said, re.MULTILINE)
    assert main(["verify", run, "--name", "mine", "--time-limit", "0"]) == 0
    assert "optimum: not confirmed by HiGHS" in capsys.readouterr().out


def test_a_certificate_that_does_not_hold_is_an_error(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(run, "searches", "small", "certificate.json")
    file.write_text(re.sub(r'"space_size": "24"', '"space_size": "25"', file.read_text()))
    assert main(["verify", run]) == 2
    said = capsys.readouterr()
    assert "the space holds 24 architectures, not 25" in said.out
    assert said.err == "helixnas: the certificate of small does not hold; search again\n"


def test_verbs_that_need_no_network_never_load_torch(run: str) -> None:
    assert "proven best of 24" in light("search", run, "--max", "macs=80%")
    assert "small: " in light("verify", run)
    assert "search:small" in light("status", run)
    assert "report.html" in light("report", run)
    assert "digits" in light("recipes")
    assert "--distill.lr" in light("run", "--help")
    assert "teacher" in light("--help")


@pytest.mark.parametrize(
    "words",
    [
        ["run", "digit"],
        ["run", "digits", "--distill.lrr", "1"],
        ["run", "digits", "--distill.lr", "fast"],
        ["run", "digits", "--distill.lr", "-1"],
        ["run", "digits", "--untl", "rate"],
        ["study", "interfaces"],
        ["status", "nowhere"],
        ["serch", "nowhere"],
    ],
)
def test_a_typo_is_reported_before_torch_is_loaded(words: list[str]) -> None:
    assert refused_lightly(*words)


def test_a_typo_in_the_options_of_a_verb_for_a_run_is_reported_before_torch_is_loaded(run: str) -> None:
    assert "unknown search 'smal'; did you mean small?" in refused_lightly("compare", run, "--search", "smal")
    assert "unknown search 'smal'; did you mean small?" in refused_lightly("retrain", run, "--name", "smal")
    assert "unknown retraining recipe 'deitt'; did you mean deit?" in refused_lightly(
        "retrain", run, "--recipe", "deitt"
    )


def refused_lightly(*words: str) -> str:
    """Return the one sentence with which a command is refused, without loading torch."""
    done = subprocess.run([sys.executable, "-c", LIGHT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.slow
def test_a_benchmark_is_built_and_ranked_against_without_torch(
    run: str, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "build", "--recipe", tiny, "--num-networks", "3", "--dry-run"]) == 0
    assert "3 trainings of 1 epoch of batch 64, each; 3 to do" in capsys.readouterr().out
    assert not Path("benchmarks").exists()
    words = ["--retrain.fit.batch_size", "128", "--quiet", "--out", "mine.json"]
    assert main(["bench", "build", "--recipe", tiny, "--num-networks", "3", *words]) == 0
    assert capsys.readouterr().out == ""
    words = ["rank", run, "--bench", "mine.json", "--num-resamples", "5"]
    said = light(*words)
    assert "All networks: 3 rows, 3 networks" in said
    assert {file.name for file in Path(run, "rankings", "mine").iterdir()} == {"ranking.json", "ranking.html"}


def test_a_baseline_is_trained_and_shown_by_the_ranking(
    run: str, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--retrain.fit.batch_size", "128", "--quiet", "--out", "mine.json"]
    assert main(["bench", "build", "--recipe", tiny, "--num-networks", "3", *words]) == 0
    how = ["--num-epochs", "1", "--num-points", "2", "--batch-size", "256", "--lr", "0.1"]
    how += ["--momentum", "0.5", "--weight-decay", "0.001"]
    assert main(["baseline", run, "spos", "--bench", "mine.json", *how]) == 0
    assert "spos-seed0.json: 3 networks rated at 2 points, 1,280 images seen in " in capsys.readouterr().out
    settings = Baseline.load(Path(run, "baselines", "spos-seed0.json")).settings["baseline"]
    assert (settings["lr"], settings["momentum"], settings["weight_decay"]) == (0.1, 0.5, 0.001)
    assert main(["baseline", run, "spos", "--bench", "mine.json", *how]) == 0
    assert "spos-seed0.json: done already" in capsys.readouterr().out
    words = ["rank", run, "--bench", "mine.json", "--num-resamples", "5"]
    said = light(*words)
    table = said[said.index("Baselines on 3 networks") :]
    heads, row = table.splitlines()[1], next(line for line in table.splitlines() if line.startswith("SPOS, seed 0"))
    assert heads.split() == ["ranked", "by", "epochs", "images", "core-s", "tau", "95", "%", "partial"], (
        "a head is cut at 80 columns"
    )
    assert len(row.split()) == 3 + 3 + 5, "a figure is cut at 80 columns"
    assert '"spos"' in Path(run, "rankings", "mine", "ranking.json").read_text()


def test_whoever_stops_reading_ends_the_output_quietly(run: str) -> None:
    command = f"{sys.executable} -m helixnas search 'my run' | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interruption_exits_with_130_and_the_command_that_goes_on(
    tiny: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*words: object, **options: object) -> None:
        raise Interrupted("stopped; everything so far is saved")

    monkeypatch.setattr("helixnas.pipeline.run.run_recipe", stop)
    assert main(["run", tiny, "--out", "my run"]) == 130
    said = capsys.readouterr().err
    assert said == "stopped; everything so far is saved; continue with: helixnas run tiny.yaml --out 'my run'\n"


@pytest.mark.parametrize("kind", [RuntimeError, ConfigError])
def test_a_request_to_stop_that_a_library_made_an_error_of_its_own_is_one_all_the_same(
    kind: type[Exception], tiny: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*words: object, **options: object) -> None:
        try:
            raise Interrupted("terminated")
        except Exception as error:
            raise kind("a pass failed") from error

    monkeypatch.setattr("helixnas.pipeline.run.run_recipe", stop)
    assert main(["run", tiny, "--out", "run"]) == 130
    assert capsys.readouterr().err == "terminated; continue with: helixnas run tiny.yaml --out run\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_is_answered(tiny: str, fork: Callable[..., Any], number: signal.Signals) -> None:
    words = ["run", tiny, "--distill.num_epochs=400", "--out", "run"]
    process = fork("import sys, helixnas.cli; sys.exit(helixnas.cli.main())", *words)
    while not process.stdout.readline().startswith("costs"):
        pass
    process.send_signal(number)
    code, _, said = process.wait()
    assert code == 130
    assert said.endswith("continue with: helixnas run tiny.yaml --distill.num_epochs=400 --out run\n")
    assert list(RunRecord.load(Path("run/record.json")).stages) == ["teacher", "costs"]
