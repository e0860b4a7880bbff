"""The whole job from Python: README's example, and a network and images that only the program holds."""

import re
from collections.abc import Callable
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import helixnas
from helixnas.api import Found, search_architecture
from helixnas.api.searching import _settings
from helixnas.errors import ArtifactError, ConfigError, HelixError
from helixnas.nn import load_saved_weights

README = Path(__file__).parents[2] / "README.md"


class MyNet(nn.Module):
    """A network that timm does not know."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 96)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in pairwise(widths)
        )
        self.classifier = nn.Linear(96, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            images = stage(images)
        return self.classifier(images.mean((2, 3)))


class Pictures(Dataset[Any]):
    """Images in memory, as tensors from 0 to 1."""

    classes = ("a", "b", "c")

    def __init__(self, pixels: np.ndarray) -> None:
        self.images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.images[index], index % 3


@pytest.mark.slow
def test_the_example_of_the_readme_runs(
    photos: Path, quick_search: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    text = README.read_text(encoding="utf-8")
    block = next(each for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "search_architecture" in each)
    assert len(block.splitlines()) <= 15
    monkeypatch.setattr(helixnas, "search_architecture", quick_search, raising=False)
    names: dict[str, Any] = {}
    exec(block.replace('"resnet18"', '"test_resnet"'), names)
    result, model, table = (names[name] for name in ("result", "model", "table"))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    assert result.costs["macs"] <= result.record.upper["macs"]
    assert result.architecture.text in set(table["architecture"])
    assert Path("model.onnx").is_file()
    assert "<html" in Path("report.html").read_text(encoding="utf-8")[:500]


@pytest.fixture
def own(pictures: np.ndarray, tmp_path: Path, quick_search: Callable[..., Found]) -> Callable[..., Found]:
    """A search under a network of one's own on images of one's own; keywords are other arguments."""
    torch.manual_seed(0)
    teacher = MyNet().eval()

    def search(**others: Any) -> Found:
        usual = {"max": {"macs": "70%"}, "out": tmp_path / "run", "weights": "auto", "until": "rate"}
        return quick_search(teacher, Pictures(pictures), **{**usual, **others})

    return search


def test_own_networks_and_images_are_searched_stage_by_stage(own: Callable[..., Found], tmp_path: Path) -> None:
    said: list[str] = []
    found = own(say=said.append)
    run = found.run
    assert run.recipe.teacher.model.startswith("given_mynet_")
    assert run.recipe.data.name.startswith("python/")
    assert run.folder.load_record().stages["teacher"].facts["num_evaluated"] == 24  # not trained, but measured
    assert any(text.startswith("distill: ") for text in said)
    small = run.search(name="light", max={"params": "60%"})
    assert small.costs["params"] <= small.record.upper["params"]
    assert run.search().name == "mine"
    with pytest.raises(HelixError, match="not retrained yet; call retrain"):
        small.model()
    inherited = small.model(weights="inherited")
    assert inherited.num_classes == 3
    assert small.model(7, weights="none")(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
    said.clear()
    own(say=said.append)
    assert "distill: done already" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max": {"macs": "0.001%"}}, "no mbconv space fits"),
        ({"settings": {"distil": {}}}, "unknown setting in the settings: 'distil'"),
        ({"weights": "hub"}, "a teacher that is a module has its own weights"),
        ({"boundaries": ["stages.0", "stage.1"]}, "unknown module of the teacher 'stage.1'"),
        ({"max": "macs=40%"}, r"max must be a dict such as \{'macs': '40%'\}, not 'macs=40%'"),
        ({"max": {}}, r"max must not be empty; give max=\{'macs': '40%'\}"),
        ({"hours": "x"}, "hours must be a number, not 'x'"),
        ({"hours": 0}, "hours must be above 0"),
        ({"settings": "x"}, r"settings must be a dict such as \{'distill': \{'num_epochs': 2\}\}, not 'x'"),
        ({"boundaries": "stages.0"}, r"boundaries must be a list such as \['layer1', 'layer2'\], not 'stages.0'"),
        ({"image_size": "32"}, "image_size must be a whole number"),
        ({"student": "vti"}, "did you mean vit"),
        ({"until": "retrian"}, "unknown stage 'retrian'; did you mean"),
        ({"say": "print"}, "say must be 'console', a function that takes a text"),
        ({"out": 3}, "out must be a path"),
        ({"out": "/"}, "the folder of a run must have a name"),
    ],
)
def test_mistakes_are_helix_errors(own: Callable[..., Found], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(HelixError, match=message):
        own(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"max": {"macs": "50%"}}, {"hours": 0.002}, {"student": "mbconv"}])
def test_other_arguments_leave_the_files_of_the_first_call_alone(
    own: Callable[..., Found], tmp_path: Path, other: dict[str, Any]
) -> None:
    own(until="teacher")
    recipe, weights = tmp_path / "run.yaml", tmp_path / "run-teacher.safetensors"
    recipe.write_text(f"{recipe.read_text()}# edited by hand\n")
    before = recipe.read_bytes(), weights.read_bytes()
    with pytest.raises(
        ConfigError, match=r"run.yaml is the recipe of a call with other arguments; .* search\(max=...\)"
    ):
        own(until="teacher", **other)
    said: list[str] = []
    own(until="teacher", say=said.append)
    assert "teacher: done already" in said
    assert (recipe.read_bytes(), weights.read_bytes()) == before


@pytest.mark.slow
def test_another_network_does_not_replace_the_weights_beside_a_run(
    own: Callable[..., Found], pictures: np.ndarray, quick_search: Callable[..., Found], tmp_path: Path
) -> None:
    class OtherNet(MyNet):
        """Another class is another network."""

    own(until="teacher")
    weights = tmp_path / "run-teacher.safetensors"
    before = weights.read_bytes()
    usual: dict[str, Any] = {"max": {"macs": "70%"}, "out": tmp_path / "run", "weights": "auto", "until": "teacher"}
    with pytest.raises(ConfigError, match="is the recipe of a call with other arguments"):
        quick_search(OtherNet().eval(), Pictures(pictures), **usual)
    (tmp_path / "run.yaml").unlink()
    with pytest.raises(ArtifactError, match="run holds a run of recipe 'given_mynet_.*', not of 'given_othernet_"):
        quick_search(OtherNet().eval(), Pictures(pictures), **usual)
    assert weights.read_bytes() == before
    assert not (tmp_path / "run.yaml").exists()


@pytest.mark.slow
def test_a_run_reports_on_the_console_unless_told_otherwise(
    own: Callable[..., Found], capsys: pytest.CaptureFixture[str]
) -> None:
    assert signature(search_architecture).parameters["say"].default == "console"
    own(until="teacher", say="console")
    said = capsys.readouterr().out
    assert "estimated time on this machine: " in said
    assert re.search(r"^teacher: .* \(\d[\d.]* s\)$", said, re.MULTILINE)


def test_a_recipe_beside_the_run_that_holds_no_date_where_one_seems_to_be_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the recipe run\.yaml is not YAML: month must be in 1\.\.12"):
        _settings("name: 2026-99-99", Path("run.yaml"))


def test_a_teacher_is_a_name_or_a_network(pictures: np.ndarray, quick_search: Callable[..., Found]) -> None:
    with pytest.raises(HelixError, match="the teacher must be the name of a timm model or a torch.nn.Module, not 3"):
        quick_search(3, Pictures(pictures), max={"macs": "70%"}, out="run")


@pytest.mark.slow
def test_a_half_precision_teacher_in_a_wrapper_is_searched_in_float32(
    pictures: np.ndarray, tmp_path: Path, quick_search: Callable[..., Found]
) -> None:
    said: list[str] = []
    quick_search(
        nn.DataParallel(MyNet().bfloat16()),
        Pictures(pictures),
        max={"macs": "70%"},
        out=tmp_path / "run",
        weights="auto",
        until="teacher",
        say=said.append,
    )
    assert "the teacher's weights are bfloat16; its copy has them in float32" in said
    weights = load_saved_weights(tmp_path / "run-teacher.safetensors")
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32", "torch.int64"}
    assert "stages.0.0.weight" in weights


def test_a_loader_gives_its_data_set(pictures: np.ndarray) -> None:
    from helixnas.data.given import register_images

    data = Pictures(pictures)
    assert register_images(DataLoader(data, batch_size=7, shuffle=True)) == register_images(data)
