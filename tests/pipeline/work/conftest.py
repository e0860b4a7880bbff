"""A run in memory: nothing was trained, so it takes no time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.data import ImageSet
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.space import SearchSpace, space_to_dict
from helixnas.teacher import Teacher


@pytest.fixture
def undistilled(
    tiny: Recipe,
    two_blocks: Callable[..., SearchSpace],
    two_convolutions: Callable[[int], Teacher],
    in_memory: Callable[..., ImageSet],
    tmp_path: Path,
) -> Context:
    """A teacher of two convolutions, a supernet with its initial weights, and 12 labelled images of noise."""
    recipe = replace(
        tiny,
        space=space_to_dict(two_blocks()),
        rating=replace(tiny.rating, batch_size=6),
        stitching=replace(tiny.stitching, num_images=12, batch_size=6),
    )
    context: Any = Context(recipe, RunFolder(tmp_path / "run"), Reporter())
    draw = np.random.default_rng(0)
    images = in_memory(draw.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8), draw.integers(0, 3, 12))
    data = SimpleNamespace(train=images, rating=images, evaluation=images, num_classes=3, class_names=("a", "b", "c"))
    vars(context).update(teacher=two_convolutions(3), data=data)
    vars(context)["supernet"] = context.new_supernet()
    return context
