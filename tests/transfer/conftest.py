"""Small data sets in the layout of Pascal VOC, and a small model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image

from helixnas.models.opening import OpenedModel
from helixnas.nn import build_seeded

PALETTE = [0, 0, 0, 255, 0, 0, *[0] * 250 * 3]
NUM_IMAGES = {"train": 6, "val": 3}


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Return a data set of dark left and bright right halves, of two classes, with a void column between them."""
    root = tmp_path / "halves"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("dark\nbright\n")
    generator = np.random.default_rng(0)
    for split, number in NUM_IMAGES.items():
        names = [f"{split}{index}" for index in range(number)]
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names))
        for name in names:
            edge = int(generator.integers(16, 48))
            pixels, classes = np.full((48, 64, 3), 40, np.uint8), np.zeros((48, 64), np.uint8)
            pixels[:, edge:], classes[:, edge:], classes[:, edge] = 215, 1, 255
            Image.fromarray(pixels).save(root / f"JPEGImages/{name}.jpg")
            picture = Image.frombytes("P", (64, 48), classes.tobytes())
            picture.putpalette(PALETTE)
            picture.save(root / f"SegmentationClass/{name}.png")
    return root


ANNOTATION = """<annotation><size><width>64</width><height>48</height><depth>3</depth></size>{}</annotation>"""
OBJECT = """<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>
<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"""


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    """Return a data set of a bright square each, the second image empty, the third with a difficult one beside it."""
    root = tmp_path / "squares"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for split, number in NUM_IMAGES.items():
        names = [f"{split}{index}" for index in range(number)]
        (root / f"ImageSets/Main/{split}.txt").write_text("\n".join(names))
        for index, name in enumerate(names):
            left, top = (int(generator.integers(0, 20)) for _ in range(2))
            pixels = np.full((48, 64, 3), 30, np.uint8)
            own = []
            if index != 1:
                pixels[top : top + 24, left : left + 24] = 220
                own.append(OBJECT.format(name="square", difficult=0, box=(left + 1, top + 1, left + 24, top + 24)))
            if index == 2:
                own.append(OBJECT.format(name="blob", difficult=1, box=(50, 30, 90, 90)))
            Image.fromarray(pixels).save(root / f"JPEGImages/{name}.jpg")
            (root / f"Annotations/{name}.xml").write_text(ANNOTATION.format("".join(own)))
    return root


@pytest.fixture
def opened() -> Callable[[], OpenedModel]:
    """Return a function that makes a small network of stride 32."""

    def make() -> OpenedModel:
        model = build_seeded(lambda: timm.create_model("test_efficientnet"), (0,)).eval()
        return OpenedModel(model=model, name="test_efficientnet", trained=True)

    return make
