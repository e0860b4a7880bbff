"""The network of a search with the supernet's weights."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.pipeline.ad_hoc.inherited import AS_FOUND, open_inherited
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.retrain import save_model

Opening = Callable[..., Any]


@pytest.fixture
def opening(tiny: Recipe) -> Opening:
    """Return a function that opens the network of a search of a run with inherited weights."""
    return lambda folder, name=None: open_inherited(Context(tiny, folder, Reporter()), name)


def test_the_network_has_the_weights_of_its_path_and_a_new_classifier(copy: RunFolder, opening: Opening) -> None:
    opened, again = opening(copy), opening(copy, "small")
    assert (opened.name, opened.search, opened.weights) == ("copy-small", "small", AS_FOUND)
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(opened.model(images), again.model(images))
    assert not opened.model.training
    assert opened.run == copy
    assert opened.folder is None


def test_after_fine_tuning_it_is_the_fine_tuned_network(copy: RunFolder, opening: Opening) -> None:
    model = opening(copy).model
    with torch.no_grad():
        model.classifier.weight.fill_(0.5)
    copy.inherited("small").mkdir()
    save_model(model, copy.inherited("small"))
    opened = opening(copy)
    assert torch.equal(opened.model.classifier.weight, model.classifier.weight)
    assert (opened.folder, opened.weights) == (copy.inherited("small"), "")


def test_what_is_not_there_is_named(copy: RunFolder, opening: Opening, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown search 'smal'; did you mean small"):
        opening(copy, "smal")
    shutil.copytree(copy.search("small"), copy.search("other"))
    with pytest.raises(ConfigError, match="has several searches; choose one with --name other or small"):
        opening(copy)
    shutil.rmtree(copy.path / "searches")
    with pytest.raises(ArtifactError, match="no search of .* is finished; continue with: helixnas run"):
        opening(copy)
