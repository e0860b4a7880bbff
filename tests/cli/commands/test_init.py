"""init, and run without a recipe: a recipe from a teacher, pictures and a limit, asked for on a terminal only."""

import importlib
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from helixnas.cli import main
from helixnas.cli.commands import find_command
from helixnas.cli.commands.init import request_from
from helixnas.cli.settings import read_recipe
from helixnas.errors import ConfigError
from helixnas.start.proposal import Proposal
from helixnas.start.recipe_text import heading

README = Path(__file__).parents[3] / "README.md"
GUIDE = README.parent / "docs/guide/your-own.md"
ANSWERS = ("--teacher", "test_resnet", "--data", "photos", "--max", "macs=60%")
QUICK = (*ANSWERS, "--weights", "none", "--image-size", "32", "--hours", "0.002")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures in the current folder, in two classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(60):
            pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number:02}.png")
    return tmp_path / "photos"


@pytest.mark.slow
def test_init_writes_a_recipe_for_the_teacher_of_the_guide(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], complaint: Callable[..., str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    Path("my_teacher.py").write_text(example)
    own = ["--imports", "my_teacher.py", *QUICK, "--teacher", "my_net", "-o", "my.yaml"]
    assert main(["init", *own]) == 0
    said = capsys.readouterr().out
    assert "images: 120 images, 2 classes" in said
    assert said.splitlines()[-1] == "next: helixnas run my.yaml"
    recipe = read_recipe("my.yaml")
    assert (recipe.teacher.model, recipe.imports) == ("my_net", ("my_teacher.py",))
    assert recipe.searches["mine"].max == {"macs": "60%"}
    assert main(["run", "my.yaml", "--dry-run", "--until", "search"]) == 0
    assert "search mine: macs <= " in capsys.readouterr().out
    assert "my.yaml is there already; add --force" in complaint("init", *own)
    assert "--out my.yml.txt must end in .yaml" in complaint("init", *QUICK, "-o", "my.yml.txt")


@pytest.mark.slow
def test_the_three_commands_of_the_readme_lead_to_a_checked_file(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    text = README.read_text(encoding="utf-8").partition("## Three commands")[2]
    (commands,) = re.findall(r"```console\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    commands = commands.replace("resnet18", "test_resnet --weights none --image-size 32").replace(
        "--hours 2", "--hours 0.001"
    )
    said: list[str] = []
    for line in commands.splitlines():
        program, *words = shlex.split(line.removeprefix("$ "))
        assert program == "helixnas"
        assert main(words) == 0
        said.append(capsys.readouterr().out)
    (file,) = Path("runs/mine").rglob("*.onnx")
    assert file.stat().st_size > 10_000
    assert f"written: {file}" in said[-1]
    assert "largest difference from PyTorch" in said[-1]
    found = json.loads(Path("runs/mine/searches/mine/result.json").read_text())
    assert found["costs"]["macs"] <= found["limits"]["upper"]["macs"]
    model = importlib.import_module("onnxruntime").InferenceSession(str(file))
    (output,) = model.run(None, {model.get_inputs()[0].name: np.zeros((2, 3, 32, 32), dtype=np.float32)})
    assert output.shape == (2, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["init"], "the teacher is missing; name a timm model"),
        (["init", *ANSWERS[:2]], "the images are missing"),
        (["init", *ANSWERS[:4]], "the limits are missing"),
        (["init", "--data", "digits", *ANSWERS[4:], "--teacher", "resnet81"], "unknown timm model 'resnet81'"),
        (["init", *ANSWERS[:4], "--max", "mcs=40%"], "unknown resource in max 'mcs'; did you mean macs?"),
        (["init", *ANSWERS], "there is no 'photos' in the current folder"),
        (["run", *ANSWERS], "there is no 'photos' in the current folder"),
        (["run", "digits", "--searches.small.max.mcs", "40%"], "unknown resource in searches.small.max 'mcs'"),
        (["init", *ANSWERS, "--student", "vti"], "--student must be one of same, mbconv, vit, not 'vti'"),
        (["init", *ANSWERS, "--hours", "0"], "--hours must be above 0 and at most 10000, not 0"),
        (["init", *ANSWERS, "--image-size", "5000"], "--image-size must be at least 0 and at most 4096, not 5000"),
        (["init", *ANSWERS, "-o", "/dev/null/my.yaml"], "/dev/null is a file, not a folder"),
        (["run", *ANSWERS, "--out", "/dev/null/run"], "/dev/null is a file, not a folder"),
        (["run"], "RECIPE is missing; see helixnas run --help, or give --teacher, --data and --max"),
        (["run", "--teacher", "resnet18"], "the images are missing"),
        (["run", *ANSWERS, "--out", "/"], "the folder of a run must have a name, for example runs/mine, not /"),
        (["init", *ANSWERS, "--latency-runtime", "pytorch-eager"], "measures nothing, because no latency is limited"),
        (["run", "digits", "--max", "macs=40%"], "--max goes with --teacher and --data and without a recipe"),
        (["run", "digits", "--hours", "1"], "--hours goes with --teacher and --data and without a recipe"),
    ],
)
def test_a_missing_or_wrong_answer_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: Callable[..., str], words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in complaint(*words)


def test_missing_answers_are_asked_for_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    options = find_command("init").parse(["--data", "photos"])
    monkeypatch.setattr("sys.stdin", io.StringIO("resnet18\nmacs=40%, params=2M\n"))
    with pytest.raises(ConfigError, match="the teacher is missing"):
        request_from(options, Console(force_terminal=True))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    console = Console(file=io.StringIO(), force_terminal=True)
    with pytest.raises(ConfigError, match="the teacher is missing"):
        request_from(options, Console(file=io.StringIO(), force_terminal=False))
    request = request_from(options, console)
    assert (request.teacher, request.data, dict(request.max)) == ("resnet18", "photos", {"macs": "40%", "params": "2M"})


@pytest.mark.parametrize(
    ("typed", "missing"), [("", "the teacher is missing"), ("resnet18\n", "the limits are missing")]
)
def test_an_end_of_input_at_a_question_is_a_missing_answer(
    monkeypatch: pytest.MonkeyPatch, typed: str, missing: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    options = find_command("init").parse(["--data", "photos"])
    with pytest.raises(ConfigError, match=missing):
        request_from(options, Console(file=io.StringIO(), force_terminal=True))


@pytest.fixture
def made(tiny: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of the requests for which recipes were made, each of which is the tiny one."""
    made: list[str] = []
    Path("photos").mkdir()

    def text_of(found: Proposal) -> str:
        made.append(found.request.command)
        return heading(found.request) + Path(tiny).read_text()

    class Found:
        def __init__(self, request: object) -> None:
            self.request = request

    def propose(request: object, say: Callable[[str], None]) -> Found:
        say("estimated time on this machine: 1.0 s")
        return Found(request)

    monkeypatch.setattr("helixnas.start.proposal.propose", propose)
    monkeypatch.setattr("helixnas.start.recipe_text.recipe_text", text_of)
    return made


def test_run_without_a_recipe_keeps_the_one_it_made_beside_the_run(
    made: list[str], capsys: pytest.CaptureFixture[str], complaint: Callable[..., str]
) -> None:
    words = ["run", *ANSWERS, "--until", "teacher", "--distill.lr", "0.25"]
    assert main(words) == 0
    assert re.search(r"^recipe: runs/test_resnet-photos.yaml$", capsys.readouterr().out, re.MULTILINE)
    assert read_recipe("runs/test_resnet-photos/config.yaml").distill.lr == 0.25
    assert main(words) == 0
    assert "recipe: runs/test_resnet-photos.yaml, made earlier" in capsys.readouterr().out
    assert len(made) == 1
    said = complaint("run", *ANSWERS[:4], "--max", "macs=20%")
    assert "runs/test_resnet-photos.yaml is a recipe for other answers; run it" in said


def test_a_dry_run_without_a_recipe_writes_nothing(made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *ANSWERS, "--until", "teacher", "--distill.lr", "0.25", "--dry-run"]) == 0
    assert not Path("runs").exists()
    said = capsys.readouterr().out
    assert "estimated time on this machine: 1.0 s" in said
    (line,) = re.findall(r"^to do it: (.*)$", said, re.MULTILINE)
    words = "--distill.lr 0.25 --out runs/test_resnet-photos --until teacher"
    assert line == f"helixnas run {shlex.join(ANSWERS)} {words}"
    assert main([*shlex.split(line)[1:], "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert len(made) == 2


def test_teacher_and_data_of_a_named_recipe_are_still_files_of_settings(tiny: str) -> None:
    Path("images.yaml").write_text("{name: digits, image_size: 16}")
    assert main(["run", tiny, "--data", "images.yaml", "--dry-run"]) == 0
