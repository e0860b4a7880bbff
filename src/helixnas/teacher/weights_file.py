"""Reading a file of weights by its content, whatever its suffix; no pickled code is executed."""

import argparse
import contextlib
import pathlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from helixnas.errors import TeacherError, on_one_line

_NUMBER: Any = np.float64(0).__reduce__()[0]

HARMLESS: list[Any] = [
    argparse.Namespace,
    pathlib.PosixPath,
    *(_NUMBER, (_NUMBER, "numpy.core.multiarray.scalar"), np.dtype),
    *{type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")},
]
"""Objects beside tensors that checkpoints of trainings hold: options, paths, and numbers of numpy."""

SAVE = "save the tensors alone: torch.save(model.state_dict(), FILE)"


OTHER_FORMATS = {
    b"\x89HDF": "an HDF5 file, as of Keras",
    b"GGUF": "a GGUF file",
    b"\x1f\x8b": "compressed by gzip",
    b"\x93NUMPY": "a NumPy array",
}
"""First bytes of files of other programs that people take for weights."""


def read_content(path: Path) -> Mapping[Any, Any]:
    """Return the content of a file; of Python's objects, only plain values, tensors and argparse's options are read.

    Raises:
        TeacherError: the file is none of torch or safetensors, is truncated, or holds objects that are not read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise TeacherError(f"the weights in {path} cannot be read: {error.strerror or error}") from error
    if reason := _no_weights(path, head):
        raise TeacherError(f"{path} {reason}")
    if head[8:9] == b"{" or (path.suffix == ".safetensors" and head[:2] not in (b"PK", b"\x80\x02")):
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise TeacherError(f"the weights in {path} are truncated: {on_one_line(error)}") from error
    try:
        with torch.serialization.safe_globals(HARMLESS), warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # about pickles of other programs
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if refused := _refused(path, error):
            raise TeacherError(
                f"{path} holds objects of {refused}, which are not read, because reading them can run code; {SAVE}"
            ) from error
        raise TeacherError(f"the weights in {path} are truncated or not tensors: {_cause(error)}") from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TeacherError(f"the weights in {path} are truncated or not tensors: {_cause(error)}") from error
    return content if isinstance(content, Mapping) else {}


def _no_weights(path: Path, head: bytes) -> str:
    """Return why a file cannot hold weights that are read, or an empty text."""
    if not head:
        return "is empty, so truncated; copy or download it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the weights; git lfs pull fetches them"
    if head.lstrip().startswith(b"<"):
        return "is a web page, not weights; download the file itself"
    if kind := next((kind for start, kind in OTHER_FORMATS.items() if head.startswith(start)), ""):
        return f"is {kind}, not a file of torch or safetensors"
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("archive_format") for name in names):
        return (
            "is a program of torch.export (.pt2), which is not read; save its tensors: "
            "torch.save(dict(torch.export.load(PROGRAM).state_dict), FILE)"
        )
    if any(name.endswith("constants.pkl") for name in names):
        return "is a TorchScript program, which is not read; save its tensors: torch.save(program.state_dict(), FILE)"
    if any(name.endswith(".npy") for name in names):
        return "is an archive of NumPy arrays; save them as tensors with torch.save or safetensors"
    if not any(name.endswith("data.pkl") for name in names):
        return "is a zip archive that torch.save did not write; unpack it, and give the file of weights inside"
    return ""


def _cause(error: Exception) -> str:
    """Return the cause of an error of torch.load, without its advice to read the file unsafely."""
    text = on_one_line(error).partition(" In PyTorch 2.6")[0].strip(" .")
    return "it is a pickle that torch.save did not write" if text.startswith("Weights only load failed") else text


def _refused(path: Path, error: Exception) -> str:
    """Return the first class or function in a file that torch does not read, or an empty text."""
    with contextlib.suppress(Exception):  # files of old versions of torch
        found = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        known = {f"{each.__module__}.{each.__qualname__}" for each in HARMLESS if isinstance(each, type)}
        return next((name for name in sorted(found) if name not in known), "")
    return next(iter(re.findall(r"GLOBAL ([\w.]+)", str(error))), "")
