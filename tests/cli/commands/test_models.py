"""export, validate and models on the command line."""

import ast
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch

from helixnas.artifacts.files import read_json
from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import failure, main
from helixnas.cli.commands import find_command
from helixnas.cli.settings import read_recipe
from helixnas.engine.progress import Reporter
from helixnas.pipeline.run import run_stage
from helixnas.zoo import ModelSize

Complaint = Callable[..., str]


@pytest.fixture(scope="module")
def retrained(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The searched run with its network retrained."""
    path = tmp_path_factory.mktemp("runs") / "retrained"
    shutil.copytree(searched, path)
    recipe = read_recipe(str(Path(__file__).parents[2] / "pipeline" / "tiny.yaml"))
    run_stage(recipe, RunFolder(path), Reporter(), verb="retrain", name=None)
    return path


@pytest.fixture
def model_run(retrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of the retrained run in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(retrained, tmp_path / "done")
    monkeypatch.setattr("helixnas.models.exporting.median_seconds", lambda calls: dict.fromkeys(calls, 0.5))
    times = {"batch": 0.5, "one": 0.25}
    monkeypatch.setattr("helixnas.models.validation.time_batches", lambda *words: times)
    return "done"


@pytest.mark.parametrize("weights", [[], ["--weights", "inherited"]])
def test_of_generations_the_best_is_validated_and_named(
    model_run: str, generation: Callable[..., Generation], capsys: pytest.CaptureFixture[str], weights: list[str]
) -> None:
    out = LineageFolder(Path("plus"))
    shutil.copytree(model_run, out.run(1).path)
    ones = (generation(1, quality=0.75), generation(2, quality=0.5))
    Lineage(recipe="tiny", number=2, search="small", generations=ones).save(out.lineage)
    assert main(["validate", "plus", *weights]) == 0
    said = capsys.readouterr().out
    assert "of the generations, plus/generation-1 is taken, the best" in said
    assert "plus-generation-1-small on 359 images" in said


def test_a_run_is_validated_on_its_own_evaluation_images(model_run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", model_run]) == 0
    said = capsys.readouterr().out
    for words in ("done-small on 359 images", "top-1", "top-5", "cross-entropy", "parameters", "at 8 pixels", "128.0"):
        assert words in said
    assert main(["validate", model_run, "--data", "digits", "--batch-size", "100", "--name", "small"]) == 0
    assert "done-small on 1,797 images" in capsys.readouterr().out


def test_a_run_is_exported_for_timm_and_validated_from_there(
    model_run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", model_run, "--format", "timm"]) == 0
    said = capsys.readouterr().out
    assert "largest difference from PyTorch 0 (logits up to" in said
    assert said.rstrip().endswith("written: done/searches/small/export/timm")
    assert main(["validate", "done/searches/small/export/timm", "--data", "digits"]) == 0
    assert "timm on 1,797 images" in capsys.readouterr().out
    assert main(["export", model_run, "--format", "pt2", "--out", "mine.pt2"]) == 0
    said = capsys.readouterr().out
    assert "times as fast as PyTorch" in said
    assert Path("mine.pt2").is_file()


@pytest.mark.slow
def test_an_untrained_network_is_exported_with_a_word_of_warning(
    model_run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "small_resnet", "--weights", "none", "--data", "digits", "--format", "pt2"]
    assert main(words) == 0
    assert "small_resnet has no trained weights; the export is good for timing only" in capsys.readouterr().out


@pytest.mark.slow
def test_every_verb_that_loads_weights_says_how_they_fitted(model_run: str, capsys: pytest.CaptureFixture[str]) -> None:
    state = timm.create_model("test_efficientnet", num_classes=10).state_dict()
    torch.save({"model": {f"module.{name}": tensor for name, tensor in state.items()}}, "w.ckpt")
    named = ["test_efficientnet", "--weights", "w.ckpt", "--data", "digits", "--image-size", "16"]
    fitted = f"w.ckpt (inside 'model', prefix 'module.' removed; {len(state)} of {len(state)} tensors)"
    assert main(["validate", *named]) == 0
    assert re.sub(r"[\s│]+", " ", fitted) in re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert main(["export", *named, "--format", "timm", "--out", "exported"]) == 0
    assert f"weights: {fitted}\n" in capsys.readouterr().out
    assert main(["finetune", *named, "--num-epochs", "1"]) == 0
    assert f"weights: {fitted}\n" in capsys.readouterr().out
    record = read_json(Path("finetuned/test_efficientnet-digits/finetune.json"))
    assert record["weights"] == fitted
    assert fitted in Path("finetuned/test_efficientnet-digits/README.md").read_text()


def test_the_zoo_is_listed_with_its_sizes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helixnas.zoo.model_size", lambda name: ModelSize(1_234, 5_678, 9))
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    for words in (
        "dna_a             1,234            5,678       9\n",
        "dna_c7 ",
        "helixnas ",
        "No weights are published",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export"], "MODEL is missing; see helixnas export --help"),
        (["export", "done", "--format", "onxx"], "--format must be one of onnx, pt2, timm, not 'onxx'"),
        (["export", "done", "--tolerance", "tiny"], "--tolerance must be a number, not 'tiny'"),
        (["export", "done", "--name", "smal"], "unknown search 'smal'; did you mean small"),
        (["export", "nowhere/at/all"], "there is no folder nowhere/at/all"),
        (["export", "dna_e"], "unknown timm model 'dna_e'; did you mean dna_"),
        (["validate", "dna_c", "--data", "digits"], "no weights of dna_c are published with HelixNAS; give --weights"),
        (["validate", "small_resnet", "--weights", "none"], "small_resnet comes without images; give --data a folder"),
        (["validate", "done", "--data", "nowhere.tar"], "there is no 'nowhere.tar' in the current folder"),
        (["validate", "done", "--batch-size", "400"], "--batch-size is 400, but there are 359 images; choose 1 to 359"),
        (["validate", "done", "--batch_size", "many"], "--batch-size must be a whole number, not 'many'"),
        (["validate", "done", "--device", "tpu"], "unknown device 'tpu'; use auto, cpu"),
        (["validate", "done", "--wieghts", "x"], "unknown option --wieghts; did you mean --weights"),
        (["validate", "done", "--weights", "x.pt"], "for a run, --weights inherited takes its supernet's"),
        (["validate", "done", "--image-size", "64"], "--image-size is about the images of --data, but without --data those of"),
        (["export", "done", "--split", "test"], "--split is about the images of --data, but without --data those of the run"),
        (["validate", "done", "--data", "photos", "--root", "x"], "--root is the folder of a data set that --data names, but"),
        (["validate", "done", "--data", "digits", "--download"], "--download is for data sets that torchvision knows (torch"),
        (["validate", "done", "--data", "parquet", "--root", "gone"], "there is no 'gone' in the current folder"),
        (["validate", "small_resnet", "--weights", "none", "--name", "x"], "--name chooses a search of a run, and small_resnet"),
        (["export", "done", "--out", "model.pt2"], "model.pt2 ends as files of the format pt2 do, not of onnx; choose another"),
        (["export", "done", "--tolerance", "-1"], "--tolerance must be at least 0, not -1"),
        (["models", "dna_c"], "unexpected argument 'dna_c'; see helixnas models --help"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(model_run: str, complaint: Complaint, words: list[str], sentence: str) -> None:
    assert sentence in complaint(*words)


def test_a_truncated_model_is_named_and_nothing_is_written(model_run: str, complaint: Complaint) -> None:
    file = Path(model_run, "searches/small/retrained/model.safetensors")
    file.write_bytes(file.read_bytes()[:1000])
    assert f"{file} is truncated or damaged" in complaint("export", model_run)
    assert not Path(model_run, "searches/small/export").exists()


def texts_of(*folders: Path) -> list[str]:
    """The parts of messages in the modules of folders: their strings without docstrings."""
    found = list[str]()
    for path in (path for folder in folders for path in folder.glob("*.py")):
        tree = ast.parse(path.read_text())
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in notes]
        found += [node.value for node in constants if isinstance(node.value, str)]
    return found


@pytest.mark.parametrize("command", ["validate", "finetune", "export"])
def test_messages_name_options_where_the_command_takes_no_settings(command: str) -> None:
    package = Path(failure.__file__).parents[1]
    unset = "shuffle|compile|cuda_graphs"  # keep their defaults in these commands, of which no message complains
    settings = re.compile(
        rf"(?<![\w.])(data|runtime)\.(?!num_rating|cache|evaluation_root|num_workers|two_view|{unset})[a-z_]+(?!\w*\()"
    )
    named = [text for text in texts_of(package / "data", package / "engine") if settings.search(text)]
    named += [advice for _, advice in failure.ADVICE if settings.search(advice)]
    assert len(named) > 10
    assert [text for text in named if settings.search(find_command(command).worded(text))] == []


def test_a_missing_data_set_is_told_in_the_words_of_validate(model_run: str, complaint: Complaint) -> None:
    said = complaint("validate", model_run, "--data", "torch/mnist")
    assert "--root is empty" in said
    assert "data." not in said
    said = complaint("validate", model_run, "--data", "torch/mnist", "--root", ".")
    assert "--download downloads it if torchvision can" in said


def test_images_that_are_enlarged_on_request_are_not_warned_of(
    model_run: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["validate", model_run, "--data", "digits", "--image-size", "32"]) == 0
    assert caplog.text == ""


def test_a_network_is_pushed_once_name_and_token_are_known(
    model_run: str, complaint: Complaint, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    class Hub:
        def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
            sent.append(f"{repo_id} {private}")

        def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
            sent.extend(sorted(file.name for file in Path(folder_path).iterdir()))

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr("helixnas.models.pushing.get_token", lambda: None)
    assert complaint("push", model_run, "me/digits").startswith(
        "there is no token for the Hugging Face hub; log in with"
    )
    monkeypatch.setattr("helixnas.models.pushing.get_token", lambda: "hf_a")
    assert complaint("push", model_run, "digits").startswith("REPO must be OWNER/NAME, not 'digits'")
    assert complaint("push", model_run) == "REPO is missing; see helixnas push --help"
    assert main(["push", model_run, "me/digits", "--private"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "uploaded: https://huggingface.co/me/digits"
    assert sent[0] == "me/digits True"
    assert {"README.md", "config.json", "model.safetensors", "architecture.json", "certificate.json"} <= {*sent}
