"""What every test may rely on: offline, the project's data where they are, no state left by the test before."""

import os
import shutil
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if SHARED_DATA.is_dir():
    os.environ.setdefault("HELIXNAS_DATA", str(SHARED_DATA))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    needs = [("gpu", _has_gpu, "no CUDA device"), ("browser", _has_browser, f"none of {', '.join(BROWSERS)} installed")]
    for marker, is_there, reason in needs:
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and not is_there():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _has_browser() -> bool:
    return any(shutil.which(name) for name in BROWSERS)


@pytest.fixture
def data_root() -> Path:
    """Return the folder of data sets, or skip where there is none."""
    root = os.environ.get("HELIXNAS_DATA")
    if root is None or not Path(root).is_dir():
        pytest.skip("no data sets here: HELIXNAS_DATA names no folder")
    return Path(root)
