import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from helixnas.artifacts import CostTable
from helixnas.costs import cost_table
from helixnas.errors import ArtifactError
from helixnas.nn import count_macs, count_params
from helixnas.retrain import RetrainConfig, build_model, load_model, save_model
from helixnas.space import Architecture, SearchSpace, mbconv

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture
def space() -> SearchSpace:
    return mbconv(
        name="tiny",
        cells=(((2, 8), (1, 12)), ((1, 16),)),
        strides=(2, 2),
        kernels=(3, 5),
        expansions=(2,),
        stem_width=8,
        stem_stride=1,
        separable_width=0,
        head_width=24,
    )


@pytest.fixture
def architecture(space: SearchSpace) -> Architecture:
    return space.parse("8:mb2_k3,mb2_k5 16:mb2_k3")


def build(architecture: Architecture, *, seed: int = 0, num_classes: int = 3, **settings: float) -> Any:
    config = RetrainConfig(**settings)  # type: ignore[arg-type]
    return build_model(
        architecture, num_classes=num_classes, image_size=16, mean=MEAN, std=STD, config=config, seed=seed
    )


def trained(model: nn.Module) -> nn.Module:
    """Return the model with running averages that a forward pass has moved."""
    torch.manual_seed(0)
    model.train()(torch.rand(4, 3, 16, 16))
    return model.eval()


def test_model_is_the_architecture_with_its_input_described(architecture: Architecture) -> None:
    model = build(architecture)
    assert model.architecture == architecture
    assert model(torch.rand(2, 3, 16, 16)).shape == (2, 3)
    described = timm.data.resolve_data_config({}, model=model)
    assert described["input_size"] == (3, 16, 16)
    assert (described["mean"], described["std"]) == (MEAN, STD)


def test_weights_depend_on_the_seed_alone(architecture: Architecture) -> None:
    before = torch.get_rng_state()
    first, again, other = (build(architecture, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_dropout_and_stochastic_depth_reach_the_network(space: SearchSpace) -> None:
    model = build(space.parse("8:mb2_k3,mb2_k5 16:mb2_k3"), drop_rate=0.4, drop_path_rate=0.3)
    rates = [part.drop_prob for part in model.modules() if hasattr(part, "drop_prob")]
    assert model.drop_rate == 0.4
    assert max(rates) == pytest.approx(0.3 * 2 / 3)  # the last of three, counted from 0


def test_model_costs_what_its_row_of_the_cost_table_says(space: SearchSpace, architecture: Architecture) -> None:
    table: CostTable = cost_table(space, image_size=16, num_classes=3)
    model = build(architecture).to("meta")
    costs = table.of(architecture)
    assert (costs["params"], costs["macs"]) == (count_params(model), count_macs(model, (1, 3, 16, 16)))


def test_saved_model_comes_back_with_the_same_outputs(tmp_path: Path, architecture: Architecture) -> None:
    model = trained(build(architecture, drop_rate=0.5))
    assert save_model(model, tmp_path / "best") == ("model.safetensors", "architecture.json", "input.json")
    found = load_model(tmp_path / "best")
    images = torch.rand(2, 3, 16, 16)
    assert not found.training
    assert torch.equal(found(images), model(images))
    assert (found.architecture, found.num_classes) == (architecture, 3)
    described = timm.data.resolve_data_config({}, model=found)
    assert described["input_size"] == (3, 16, 16)
    assert (tuple(described["mean"]), tuple(described["std"])) == (MEAN, STD)


def test_model_saved_again_is_the_same_folder(tmp_path: Path, architecture: Architecture) -> None:
    save_model(build(architecture), tmp_path / "a")
    for name in save_model(load_model(tmp_path / "a"), tmp_path / "b"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_folder_works_with_timm_alone(tmp_path: Path, architecture: Architecture) -> None:
    model = trained(build(architecture))
    save_model(model, tmp_path)
    found = timm.create_model(
        "helixnas",
        arch=str(tmp_path / "architecture.json"),
        num_classes=3,
        checkpoint_path=str(tmp_path / "model.safetensors"),
    ).eval()
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(found(images), model(images))


@pytest.mark.parametrize(
    ("other", "tensor"),
    [
        ("12:mb2_k3 16:mb2_k3", r"blocks\.0\.1"),  # another depth: other names
        ("8:mb2_k5,mb2_k5 16:mb2_k3", r"blocks\.0\.0\.conv_dw\.weight"),  # another kernel: other shapes
    ],
)
def test_weights_of_another_architecture_are_refused(
    tmp_path: Path, space: SearchSpace, architecture: Architecture, other: str, tensor: str
) -> None:
    save_model(build(architecture), tmp_path)
    (tmp_path / "architecture.json").write_text(space.parse(other).to_json())
    with pytest.raises(
        ArtifactError,
        match=rf"model.safetensors belongs to another architecture than architecture.json: .*, first {tensor}",
    ):
        load_model(tmp_path)


def test_weights_of_other_classes_are_refused(tmp_path: Path, architecture: Architecture) -> None:
    save_model(build(architecture), tmp_path)
    content = json.loads((tmp_path / "input.json").read_text())
    (tmp_path / "input.json").write_text(json.dumps({**content, "num_classes": 5}))
    with pytest.raises(ArtifactError, match=r"model.safetensors has 3 classes and input.json says 5; they belong"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "architecture.json", "input.json"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_truncated_file_is_said_to_be_damaged(
    tmp_path: Path, architecture: Architecture, name: str, share: float
) -> None:
    save_model(build(architecture), tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ArtifactError, match=rf"{name} is truncated or damaged"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "architecture.json", "input.json"])
def test_missing_file_is_named(tmp_path: Path, architecture: Architecture, name: str) -> None:
    save_model(build(architecture), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        load_model(tmp_path)


def test_description_without_classes_is_said_to_be_damaged(tmp_path: Path, architecture: Architecture) -> None:
    save_model(build(architecture), tmp_path)
    (tmp_path / "input.json").write_text("[]")
    with pytest.raises(ArtifactError, match=r"input.json is truncated or damaged"):
        load_model(tmp_path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, architecture: Architecture) -> None:
    model = build(architecture)
    torch.nn.init.constant_(model.classifier.bias, float("nan"))
    save_model(model, tmp_path)
    with pytest.raises(ArtifactError, match="holds NaN or infinite values in classifier.bias .3 of 3."):
        load_model(tmp_path)
