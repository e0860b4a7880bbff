"""Any timm model is created by name, and every failure is one sentence."""

from pathlib import Path

import pytest
import timm
import torch
from timm.models import save_for_hf

from helixnas.errors import ConfigError, TeacherError, UnknownNameError
from helixnas.zoo import create_model, require_known_model


@pytest.mark.parametrize("name", ["test_resnet", "dna_a", "small_resnet"])
def test_models_of_timm_and_of_this_package_are_created(name: str) -> None:
    assert create_model(name, {"num_classes": 3}, title="it", error=ConfigError).num_classes == 3


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown timm model 'test_resnt'; did you mean test_resnet"):
        create_model("test_resnt", {}, title="it", error=ConfigError)


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "hf-hub:owner/name", "local-dir:folder"])
def test_tags_and_places_outside_of_the_registry_are_known(name: str) -> None:
    require_known_model(name)


def test_a_failure_has_the_wanted_class_and_title() -> None:
    with pytest.raises(TeacherError, match="^the teacher cannot be built: .*'no_such'") as caught:
        create_model("test_resnet", {"no_such": 1}, title="the teacher", error=TeacherError, hint="use the hub")
    assert "use the hub" not in str(caught.value)


def test_the_hint_is_for_pretrained_weights_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **settings: object) -> None:
        raise OSError("no network\nretried 5 times")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(ConfigError, match="^it cannot be built: no network retried 5 times; use a file$"):
        create_model("test_resnet", {"pretrained": True}, title="it", error=ConfigError, hint="use a file")


def test_errors_of_this_package_pass_unchanged() -> None:
    with pytest.raises(ConfigError, match="downsampling must be stride or pool, not 'blur'"):
        create_model("small_resnet", {"downsampling": "blur"}, title="the teacher", error=TeacherError)


def test_pretrained_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = timm.create_model("test_resnet", num_classes=3)
    torch.nn.init.constant_(model.get_classifier().bias, float("inf"))
    save_for_hf(model, tmp_path, {"num_classes": 3})
    arguments = {"pretrained": True}
    with pytest.raises(ConfigError, match="the pretrained weights of it hold NaN or infinite values in fc.bias"):
        create_model(f"local-dir:{tmp_path}", arguments, title="it", error=ConfigError)
