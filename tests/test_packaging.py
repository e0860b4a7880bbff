"""The wheel carries all it needs: recipes, types, licence, and a demo that runs where no checkout is."""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MOST_SECONDS = 600
"""A generous bound on the demo, which takes less than 150 seconds on two idle cores."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once, with the build backend that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("helixnas-*.whl")
    return built


def pip(*arguments: str) -> None:
    """Run pip and fail with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    package = ROOT / "src"
    sources = {
        path.relative_to(package).as_posix()
        for path in (package / "helixnas").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == sources
    assert {"helixnas/py.typed", "helixnas/recipes/digits.yaml"} <= packed


def test_wheel_carries_the_licence_and_the_script(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = {name.partition(".dist-info/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
    assert "licenses/LICENSE" in names
    assert "helixnas = helixnas.cli:main" in archive.read(names["entry_points.txt"]).decode()


def test_installed_wheel_runs_the_demo_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    pip("install", "--no-deps", "--target", str(site), str(wheel))
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert Path(python("-c", "import helixnas; print(helixnas.__file__)").strip()).is_relative_to(site)
    before = time.monotonic()
    python("-m", "helixnas", "demo", "--no-open")
    seconds = time.monotonic() - before
    report = (work / "runs" / "demo" / "report.html").read_text(encoding="utf-8")
    assert report.rstrip().endswith("</html>")
    explorer = re.search(
        r'<div class="explorer" hidden>\s*<script type="application/json">(.+?)</script>', report, re.DOTALL
    )
    assert explorer is not None
    shown = json.loads(explorer[1])
    assert {"macs", "params"} <= {slider["resource"] for slider in shown["sliders"]}
    assert seconds < MOST_SECONDS
