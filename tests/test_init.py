"""The package is lazy: the decision core works where torch is never imported."""

import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import helixnas

HEAVY = ("torch", "torchvision", "timm", "accelerate", "sklearn")


def run_alone(code: str) -> str:
    """Run `code` in a fresh interpreter and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import helixnas",
        "import helixnas; helixnas.space.mbconv",
        "import helixnas; helixnas.artifacts.CostTable",
        "import helixnas; helixnas.search.solve",
    ],
)
def test_decision_core_imports_nothing_heavy(statement: str) -> None:
    loaded = run_alone(f"import sys; {statement}; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded == "[]"


def test_every_room_is_an_attribute_of_the_package() -> None:
    rooms = {room.name for room in pkgutil.iter_modules(helixnas.__path__) if not room.name.startswith("_")}
    assert rooms == set(helixnas.__all__) - {"__version__", "search_architecture"}


def test_dir_lists_rooms_that_are_not_imported_yet() -> None:
    assert "retrain" in run_alone("import helixnas; print(dir(helixnas))")


def test_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert helixnas.__version__ == project["version"]


def test_unknown_attribute_is_named_and_the_nearest_room_suggested() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import helixnas; helixnas.serach"], capture_output=True, text=True, check=False
    )
    assert "module 'helixnas' has no attribute 'serach'. Did you mean: 'search'?" in done.stderr
