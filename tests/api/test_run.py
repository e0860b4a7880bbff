"""A run's stages as methods, and what is found in it. `unwrap` calls a function as users do, without the tests' type checks."""

from dataclasses import replace
from inspect import unwrap
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from helixnas.api import Found, Run
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, HelixError, UnknownNameError
from helixnas.pipeline.recipe import Recipe


@pytest.fixture
def found(copy: RunFolder, tiny: Recipe) -> Found:
    """The finished search of a run."""
    return Found(run=Run(recipe=tiny, folder=copy), name="small")


def test_settings_are_plain_values_and_folders_text(tiny_path: Path) -> None:
    run = Run.of(yaml.safe_load(tiny_path.read_text()), "runs/x")
    assert run.folder.path == Path("runs/x")
    assert run.recipe.name == "tiny"
    with pytest.raises(ConfigError, match="distill.lr must be above 0"):
        Run.of({"distill": {"lr": 0}}, "runs/x")
    with pytest.raises(ConfigError, match="^the settings must hold settings .*, not 'x'"):
        unwrap(Run.of)("x", "runs/x")
    with pytest.raises(ConfigError, match="out must be a path"):
        unwrap(Run.of)({}, 3)


def test_a_finished_stage_is_not_done_again(found: Found) -> None:
    before = found.run.folder.load_record()
    assert found.run.teacher() == found.run.rate() == found.run.retrain("small") == before


def test_stages_need_those_before_them(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no run in"):
        Run(recipe=tiny, folder=RunFolder(str(tmp_path))).rate()


def test_a_search_under_other_limits_takes_no_training(found: Found) -> None:
    smallest = min(found.front.to_pandas()["macs"])
    other = found.search("least", max={"macs": int(smallest)}, front=["params"])
    assert other.costs["macs"] <= smallest
    assert list(other.record.front_over) == ["params"]
    with pytest.raises(HelixError, match="unknown setting in the search: 'maxi'"):
        found.search(maxi={"macs": 1})
    with pytest.raises(HelixError, match="max must be a mapping of names to values, not 'macs=1'"):
        unwrap(Run.search)(found.run, max="macs=1")


def test_names_and_numbers_of_the_wrong_kind_are_one_sentence(found: Found) -> None:
    run = found.run
    for call in (lambda: unwrap(Run.search)(run, name=3), lambda: unwrap(Run.retrain)(run, None)):
        with pytest.raises(ConfigError, match="name must be a text such as 'small', not"):
            call()
    with pytest.raises(ConfigError, match="a block must be a whole number of at least 0, not '2'"):
        unwrap(Run.distill)(run, "2")
    with pytest.raises(ConfigError, match="stage must be a text such as 'search', not 3"):
        unwrap(Run.until)(run, 3)
    with pytest.raises(ConfigError, match="tolerance must be a number, not 'small'"):
        unwrap(Found.export)(found, "model.pt2", tolerance="small")


def test_a_recipe_without_searches_needs_limits(tiny: Recipe, tmp_path: Path) -> None:
    run = Run(recipe=replace(tiny, searches={}), folder=RunFolder(tmp_path))
    with pytest.raises(ConfigError, match="the recipe has no searches; give max"):
        run.search()


def test_the_model_is_the_trained_one_with_the_wanted_classes(found: Found) -> None:
    model = found.model()
    assert model.num_classes == 10
    assert not model.training
    other = found.model(num_classes=4)
    assert torch.equal(next(other.parameters()), next(model.parameters()))
    assert other.num_classes == 4
    assert found.architecture.text == found.record.architecture
    with pytest.raises(UnknownNameError, match="unknown weights 'trained'"):
        found.model(weights="trained")
    with pytest.raises(ConfigError, match="num_classes must be a whole number of at least 0, not '4'"):
        unwrap(Found.model)(found, num_classes="4")


@pytest.mark.slow
def test_an_export_has_the_format_of_its_suffix(found: Found, tmp_path: Path) -> None:
    written = found.export(tmp_path / "model.pt2")
    assert written.path.is_file()
    with pytest.raises(UnknownNameError, match="unknown format of 'model.tflite'"):
        found.export(tmp_path / "model.tflite")
    with pytest.raises(ConfigError, match="path must be a path, for example"):
        unwrap(Found.export)(found, 3)


@pytest.mark.parametrize(
    ("weights", "is_trained", "source"),
    [
        ("retrained", True, ""),
        ("inherited", True, "inherited from the supernet; the classifier is random"),
        ("none", False, "none (random)"),
    ],
)
def test_an_export_says_where_weights_come_from(
    copy: RunFolder,
    tiny: Recipe,
    listener: Any,
    monkeypatch: pytest.MonkeyPatch,
    weights: str,
    is_trained: bool,
    source: str,
) -> None:
    exported: list[Any] = []
    monkeypatch.setattr("helixnas.api.run.export", lambda opened, images, **how: exported.append(opened))
    found = Found(run=Run(recipe=tiny, folder=copy, reporter=listener), name="small")
    unwrap(Found.export)(found, "model.onnx", weights=weights)
    (opened,) = exported
    assert (opened.trained, opened.weights) == (is_trained, source)
    assert (opened.run.path, opened.search, opened.name) == (copy.path, "small", "copy-small")
    assert [text for text in listener.said if text.startswith("weights: ")] == [f"weights: {source}"] * bool(source)
