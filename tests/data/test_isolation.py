"""What a program that uses the data does not notice: in its own process, because type checks draw from `random`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helixnas.data import AUGMENTATIONS

PROGRAM = """
import json, random, sys
import helixnas.data
heavy = sorted({"timm", "torchvision", "sklearn", "datasets", "webdataset"} & set(sys.modules))
import numpy, torch
states = lambda: [repr(random.getstate()), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]
before, unchanged = states(), {}
for augmentation in (*helixnas.data.AUGMENTATIONS, "two-view"):
    for num_workers in (0, 1):
        config = helixnas.data.DataConfig(
            root=sys.argv[1], num_rating=2, augmentation=augmentation, cache=False, num_workers=num_workers
        )
        splits = helixnas.data.open_data(config, image_size=16, seed=0)
        stream = splits.train.batches(batch_size=2, seed=0, augment=True, shuffle=True)
        next(stream)
        unchanged[f"{augmentation}, {num_workers} workers, inside"] = states() == before
        list(stream)
        unchanged[f"{augmentation}, {num_workers} workers, after"] = states() == before
print(json.dumps({"heavy": heavy, "unchanged": unchanged}))
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the program once."""
    from PIL import Image

    root: Path = tmp_path_factory.mktemp("images")
    for number in range(7):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(root / f"{number}.png")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(root)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_the_data_room_imports_no_library_of_images(facts: dict[str, Any]) -> None:
    assert facts["heavy"] == []


def test_drawing_batches_leaves_the_global_generators_alone(facts: dict[str, Any]) -> None:
    assert len(facts["unchanged"]) == 4 * (len(AUGMENTATIONS) + 1)
    assert all(facts["unchanged"].values()), facts["unchanged"]
