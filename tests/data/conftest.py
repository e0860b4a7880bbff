"""Images to test with, written by Pillow, and a cache folder of the test's own."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeImages = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep decoded images in the test's folder."""
    monkeypatch.setenv("HELIXNAS_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def make_images(tmp_path: Path) -> MakeImages:
    """Return a function that writes `count` images for each class ("" for no class folder) into a folder."""

    def make(
        folder: str = "images", *, classes: tuple[str, ...] = ("cat", "dog"), count: int = 5, size: int = 16
    ) -> Path:
        rng = np.random.default_rng(7)
        for name in classes:
            (tmp_path / folder / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / name / f"{number:03d}.png")
        return tmp_path / folder

    return make


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that packs named bytes, or a folder, into a tar."""

    def make(name: str, content: Path | dict[str, bytes]) -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w") as archive:
            if isinstance(content, Path):
                archive.add(content, arcname=".")
            else:
                for member, data in content.items():
                    entry = tarfile.TarInfo(member)
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
        return path

    return make


@pytest.fixture
def png() -> Callable[[int], bytes]:
    """Return a function that encodes a grey 8x8 PNG of one value."""

    def encode(value: int) -> bytes:
        stream = io.BytesIO()
        Image.new("L", (8, 8), value).save(stream, "PNG")
        return stream.getvalue()

    return encode
