"""Pictures, and a way to search on them in seconds."""

from collections.abc import Callable
from functools import partial
from inspect import unwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.api import Found, search_architecture

QUICK: dict[str, Any] = {
    "weights": "none",
    "image_size": 32,
    "hours": 0.001,
    "say": None,
    "settings": {
        "runtime": {"num_threads": 1, "precision": "fp32"},
        "data": {"num_workers": 0},
        "stitching": {"num_architectures": 0},
    },
}
"""Answers that make a search a matter of seconds."""


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """Noise, 120 pictures."""
    return np.random.default_rng(0).integers(0, 256, (120, 24, 24, 3), dtype=np.uint8)


@pytest.fixture
def photos(pictures: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pictures as files in three classes, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for number, pixels in enumerate(pictures):
        folder = tmp_path / "photos" / "abc"[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def quick_search() -> Callable[..., Found]:
    """`search_architecture` with little training."""
    return partial(unwrap(search_architecture), **QUICK)  # as users call it, without the tests' type checks
