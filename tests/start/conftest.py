"""A folder of labelled pictures, a teacher that was looked at, and the proposal that both make."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helixnas.start.proposal import Proposal, propose
from helixnas.start.request import Request
from helixnas.start.teacher_facts import TeacherFacts, look_at_teacher


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 150 pictures in three classes."""
    root, rng = tmp_path_factory.mktemp("pictures") / "photos", np.random.default_rng(0)
    for name in ("cat", "dog", "owl"):
        (root / name).mkdir(parents=True)
        for number in range(50):
            pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:02}.png")
    return root


@pytest.fixture(scope="session")
def asking(photos: Path) -> Callable[..., Request]:
    """A function that makes a request for a small teacher on the pictures; keywords are other answers."""
    usual = {"teacher": "test_resnet", "weights": "none", "data": str(photos), "image_size": 32, "hours": 0.002}
    return lambda **others: Request(**{**usual, "max": {"macs": "60%"}, **others})


@pytest.fixture(scope="session")
def looked_at(asking: Callable[..., Request]) -> Callable[..., TeacherFacts]:
    """A function that looks at a teacher by its name, once; keywords are other answers."""
    known: dict[str, TeacherFacts] = {}

    def look(name: str, **others: object) -> TeacherFacts:
        key = f"{name} {others}"
        if key not in known:
            known[key] = look_at_teacher(asking(teacher=name, **others), images_side=40, num_classes=3)
        return known[key]

    return look


@pytest.fixture(scope="session")
def proposal(asking: Callable[..., Request]) -> Proposal:
    """What the request leads to."""
    return propose(asking())
