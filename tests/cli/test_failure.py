"""Whatever is raised inside a command is one sentence, and its traceback a file."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from helixnas.artifacts.files import write_json
from helixnas.cli import main
from helixnas.cli.command import Command
from helixnas.cli.commands import COMMANDS, find_command
from helixnas.cli.failure import ADVICE, BATCH, explain
from helixnas.cli.settings import read_recipe
from helixnas.errors import Stage, during
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stages import STAGES

Complaint = Callable[..., str]


@pytest.fixture(scope="module")
def tiny_recipe(tiny_path: Path) -> Recipe:
    """The tiny recipe as a value."""
    return read_recipe(str(tiny_path))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def raised(error: Exception, stage: Stage | None = None) -> Exception:
    """Return an error as a command meets it: raised in torch, and with its stage."""
    code = compile("raise error", Path(torch.__file__).with_name("odd.py"), "exec")
    try:
        with nullcontext() if stage is None else during(stage):
            exec(code, {"error": error})
    except Exception as caught:
        return caught
    raise AssertionError


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_verb_turns_an_error_of_a_library_into_a_sentence_and_keeps_the_traceback(
    command: Command, complaint: Complaint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        nn.Conv2d(1, 2, 3)(torch.zeros(1, 3, 8, 8))

    monkeypatch.setattr("helixnas.cli.commands.find_command", lambda name: replace(command, add_options=none, run=work))
    said = complaint(command.name)
    assert said.startswith(f"{command.name} stopped at an error of torch: RuntimeError: Given groups=1, weight of size")
    assert said.endswith(
        "; images have 3 channels: the network must take 3 (teacher.model_args.in_chans); traceback: helixnas-traceback.txt"
    )
    kept = Path("helixnas-traceback.txt").read_text()
    assert kept.startswith(f"helixnas {command.name}\n\nTraceback (most recent call last):")
    assert "in work\n" in kept


def none(parser: object) -> None:
    """Add no options."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_verb_calls_a_defect_a_defect(
    command: Command, tiny_recipe: Recipe, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        assert replace(tiny_recipe, retrain=None).retraining

    monkeypatch.setattr("helixnas.cli.commands.find_command", lambda name: replace(command, add_options=none, run=work))
    assert main([command.name]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"helixnas: {command.name} met a defect of HelixNAS: ")
    assert (
        "AssertionError: the plan holds such a stage only where it has settings in helixnas/pipeline/recipe.py, line"
        in said
    )
    assert said.endswith("; please report it with the traceback in helixnas-traceback.txt\n")


def test_an_error_of_a_stage_names_stage_and_settings_and_is_kept_in_its_run() -> None:
    write_json(Path("my/record.json"), {})
    error = raised(RuntimeError("odd\nthing"), Stage("retrain:small", ("retrain", "data"), Path("my")))
    sentence, is_defect = explain(error, ["run", "tiny", "--out", "my"])
    assert not is_defect
    assert sentence.startswith("run, retrain:small stopped at an error of ")
    assert "RuntimeError: odd thing; " in sentence
    assert sentence.endswith("; traceback: my/traceback.txt")
    assert "This happened in the stage retrain:small of my." in Path("my/traceback.txt").read_text()


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Expected more than 1 value per channel when training, got", "raise distill.batch_size, or data.image_size"),
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error.",
            "set data.num_workers to 0, or give the container more",
        ),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", "docker run --shm-size=8g"),
        ("unable to allocate shared memory(shm) for file </torch_7_1>", "docker run --shm-size=8g"),
        ("Too many open files", "set data.num_workers to 0, or raise the limit (ulimit -n)"),
        ("DefaultCPUAllocator: can't allocate memory: not enough memory", "lower distill.batch_size"),
        ("can't start new thread", "lower runtime.num_threads"),
        ("Could not determine home directory.", "set the environment variable HOME"),
        ("\"conv\" not implemented for 'Half'", "set runtime.precision to fp32"),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "set runtime.device to cpu"),
        ("Kernel size can't be greater than actual input size", "raise data.image_size"),
        ("something else", "the settings of this stage are in supernet, distill"),
    ],
)
def test_an_error_that_is_known_names_the_setting_to_change(text: str, advice: str) -> None:
    error = raised(torch.OutOfMemoryError(text), Stage("distill", ("supernet", "distill"), Path("r")))
    sentence, is_defect = explain(error, ["distill", "r"])
    assert advice in sentence
    assert not is_defect


@pytest.mark.parametrize(
    ("command", "text", "advice"),
    [
        ("transfer", "not enough memory", "lower --microbatch-size or --image-size"),
        ("transfer", "Expected more than 1 value per channel", "raise --microbatch-size or --image-size;"),
        ("transfer", "DataLoader worker (pid 7) is killed", "set num_workers of the recipe to 0, or give"),
        ("predict", "not enough memory", "lower the size of the images"),
    ],
)
def test_transfer_and_predict_name_their_own_options(command: str, text: str, advice: str) -> None:
    sentence, _ = explain(raised(torch.OutOfMemoryError(text)), [command, "it"])
    assert advice in find_command(command).worded(sentence)


def test_every_advice_and_every_stage_is_known() -> None:
    assert len({pattern for pattern, _ in ADVICE}) == len(ADVICE)
    assert {stage.name for stage in STAGES if stage.seconds} <= set(BATCH)


def test_only_the_last_line_of_a_worker_s_traceback_is_said() -> None:
    text = "Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n x\nValueError: odd"
    sentence, _ = explain(raised(OSError(text)), ["run"])
    assert "OSError: ValueError: odd; see helixnas run --help" in sentence


def test_an_error_of_a_module_of_the_user_names_that_file(
    complaint: Complaint, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("my_odd_module.py").write_text("1 / 0\n")
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    said = complaint("run", tiny, "--imports", "[my_odd_module]", "--dry-run")
    assert f"stopped at an error of {Path.cwd()}/my_odd_module.py, line 1: ZeroDivisionError: division by zero" in said
    assert said.endswith("; mend that file; traceback: helixnas-traceback.txt")


def test_a_traceback_that_cannot_be_written_goes_elsewhere_or_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("helixnas-traceback.txt").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "other"))
    sentence, _ = explain(raised(OSError("odd")), ["run"])
    assert sentence.endswith(f"traceback: {tmp_path / 'other' / 'helixnas-traceback.txt'}")
    monkeypatch.setattr("tempfile.tempdir", "/proc/none")
    sentence, _ = explain(raised(OSError("odd")), ["run"])
    assert "traceback:" not in sentence
