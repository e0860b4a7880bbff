"""Modules as ONNX files, for ONNX Runtime and for other devices."""

import importlib.util
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from helixnas.artifacts.files import write_atomically
from helixnas.errors import ConfigError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx(purpose: str) -> None:
    """Raise `ConfigError` where the packages behind ONNX are not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{purpose} needs {' and '.join(missing)}, which is not installed: pip install 'helixnas[export]'"
        )


def save_onnx(module: nn.Module, images: Tensor, path: Path) -> None:
    """Write a module in eval mode as one ONNX file with its weights inside, whole or not at all.

    The input is called ``images``, the output ``output``; their shapes are fixed, as they are measured.
    """
    with _quiet():
        programme = torch.onnx.export(
            module.eval(), (images,), dynamo=True, verbose=False, input_names=["images"], output_names=["output"]
        )
    assert programme is not None, "the exporter returns a programme where no file is named"
    write_atomically(path, lambda temporary: programme.save(temporary, external_data=False))


@contextmanager
def _quiet() -> Generator[None]:
    """Keep the exporter's own remarks (on operators it replaces, on other versions) away from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
