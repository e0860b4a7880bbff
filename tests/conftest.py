"""What every test may rely on: offline, the project's data where they are, no state left by the test before."""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

if TYPE_CHECKING:  # nothing here may import torch or numpy before the environment below is set
    import numpy as np

    from helixnas.artifacts.lineage import Generation
    from helixnas.artifacts.run_folder import RunFolder
    from helixnas.data import ImageSet
    from helixnas.engine import Runtime
    from helixnas.engine.progress import Reporter
    from helixnas.pipeline.recipe import Recipe
    from helixnas.space import SearchSpace
    from helixnas.teacher import Teacher

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a core runs a file of tests; tiny tensors gain nothing from threads
if SHARED_DATA.is_dir():
    os.environ.setdefault("HELIXNAS_DATA", str(SHARED_DATA))


def _check_annotations() -> None:
    """Check annotations at every call of a function of the package.

    jaxtyping, whose checks take longer, checks the modules with shapes in their annotations, or names for type checkers.
    """
    spec = importlib.util.find_spec("helixnas")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    checked_by_jaxtyping = [
        ".".join(file.relative_to(root.parent).with_suffix("").parts)
        for file in root.rglob("*.py")
        if re.search(r"^from jaxtyping import|^if TYPE_CHECKING", file.read_text(), re.MULTILINE)
    ]
    beartype_package("helixnas", conf=BeartypeConf(claw_is_pep526=False, violation_type=TypeError))
    install_import_hook(checked_by_jaxtyping, "beartype.beartype")


_check_annotations()


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures of `forking.py`: no module here imports another one."""
    spec = importlib.util.spec_from_file_location("forking", Path(__file__).with_name("forking.py"))
    assert spec is not None
    assert spec.loader is not None
    forking = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(forking)
    config.pluginmanager.register(forking, "forking")


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


@pytest.fixture
def runtime() -> "Runtime":
    """Return the CPU."""
    from helixnas.engine import Runtime, RuntimeConfig

    return Runtime(RuntimeConfig(device="cpu", num_threads=1))


@pytest.fixture
def two_blocks() -> "Callable[..., SearchSpace]":
    """Return a function that makes a space whose second block may receive 4 or 6 channels; keywords are other settings."""
    from helixnas.space import mbconv

    cells = (((2, 4), (1, 6)), ((2, 8), (1, 6)))
    blocks: dict[str, Any] = {"cells": cells, "strides": (2, 2), "kernels": (3, 5), "expansions": (2,)}
    around = {"stem_width": 4, "stem_stride": 1, "separable_width": 0, "head_width": 0}
    return lambda **others: mbconv(name="tiny", **{**blocks, **around, **others})


@pytest.fixture
def two_convolutions() -> "Callable[[int], Teacher]":
    """Return a function that makes a frozen teacher of two strided convolutions, with a head for so many classes or none."""
    from torch import nn

    from helixnas.nn import build_seeded
    from helixnas.teacher import Teacher

    def make(num_classes: int) -> Teacher:
        model = build_seeded(
            lambda: nn.Sequential(
                nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh()),
                nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.Tanh()),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                *([nn.Linear(8, num_classes)] if num_classes else []),
            ),
            (0,),
        )
        return Teacher(model, ("0", "1"), mean=(0.5,) * 3, std=(0.25,) * 3, input_size=(8, 8))

    return make


@pytest.fixture
def in_memory() -> "Callable[..., ImageSet]":
    """Return a function that makes a set of images of pixels that no file holds."""
    import numpy as np

    from helixnas.data import ImageSet
    from helixnas.data.loading import ImageStore
    from helixnas.data.source import Source
    from helixnas.data.unreadable import UnreadableImages

    def no_file(row: int) -> Any:
        raise AssertionError(row)

    def make(
        pixels: "np.ndarray", labels: "np.ndarray | None" = None, *, name: str = "training", title: str = "noise"
    ) -> ImageSet:
        number, size = pixels.shape[:2]
        classes = () if labels is None else ("a", "b", "c")
        source = Source(title=title, num_images=number, labels=labels, class_names=classes, read=no_file, locate=str)
        store = ImageStore(
            source=source,
            pixels=pixels,
            unreadable=UnreadableImages(title=title, num_images=number, max_share=0.0),
            image_size=size,
            augmentation="none",
            crop_ratio=1.0,
            interpolation="bicubic",
            num_workers=0,
        )
        return ImageSet(name=name, store=store, rows=np.arange(number), all_labels=labels, class_names=classes)

    return make


TINY = Path(__file__).parent / "pipeline" / "tiny.yaml"


@pytest.fixture(scope="session")
def tiny_path() -> Path:
    """The file of a recipe that runs end to end in seconds."""
    return TINY


@pytest.fixture(scope="session")
def tiny() -> "Recipe":
    """A recipe that runs end to end in seconds."""
    from helixnas.cli.settings import read_recipe

    return read_recipe(str(TINY))


@contextlib.contextmanager
def _empty_pages() -> Iterator[None]:
    def write(run: Path) -> Path:
        (run / "report.html").write_text("<html></html>")
        return run / "report.html"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helixnas.pipeline.run.build_report", write)
        yield


@pytest.fixture(scope="module")
def plain_page() -> Iterator[None]:
    """Write an empty report in the tests of a module; the page has its own tests, and costs seconds."""
    with _empty_pages():
        yield


@pytest.fixture(scope="session")
def finished(tiny: "Recipe", tmp_path_factory: pytest.TempPathFactory) -> "RunFolder":
    """A finished run; tests that change one copy it."""
    from helixnas.artifacts.run_folder import RunFolder
    from helixnas.engine.progress import Reporter
    from helixnas.pipeline.run import run_recipe

    folder = RunFolder(tmp_path_factory.mktemp("runs") / "finished")
    with _empty_pages():  # a fixture of the session begins before those of a module
        run_recipe(tiny, folder, Reporter())
    return folder


@pytest.fixture
def copy(finished: "RunFolder", tmp_path: Path) -> "RunFolder":
    """A copy of the finished run."""
    shutil.copytree(finished.path, tmp_path / "copy")
    return type(finished)(tmp_path / "copy")


@pytest.fixture
def listener() -> "Reporter":
    """A reporter that keeps what a run says, in `said`."""
    from helixnas.engine.progress import Reporter

    class Listener(Reporter):
        def __init__(self) -> None:
            self.said: list[str] = []

        def say(self, text: str) -> None:
            self.said.append(text)

    return Listener()


@pytest.fixture
def stopping() -> "type[Reporter]":
    """A reporter that asks the process to stop, as Ctrl-C and SIGTERM do, at steps of a title; keeps what was shown."""
    from helixnas.engine.progress import Reporter

    class Stopping(Reporter):
        def __init__(self, title: str, *steps: int, number: int = signal.SIGINT) -> None:
            self.title, self.steps, self.number = title, list(steps), number
            self.shown: list[str] = []

        @contextlib.contextmanager
        def progress(self, title: str, total: int) -> Generator[Callable[..., None]]:
            """Watch every step."""

            def watch(done: int, note: str = "", *, total: int | None = None) -> None:
                self.shown.append(f"{title} {done} {note}")
                if title == self.title and done in self.steps:
                    self.steps.remove(done)
                    os.kill(os.getpid(), self.number)

            yield watch

    return Stopping


@pytest.fixture
def stopped_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """Return a function that makes a context in which a job is asked to stop after so many steps."""

    @contextlib.contextmanager
    def stopped_after(steps: int) -> Generator[None]:
        asked = iter([False] * steps + [True])
        with monkeypatch.context() as patch:
            stop = contextlib.nullcontext(lambda: next(asked))
            patch.setattr("helixnas.engine.job.stop_requests", lambda: stop)
            yield

    return stopped_after


@pytest.fixture(scope="session")
def digests() -> Callable[[Path], dict[str, str]]:
    """Return the SHA-256 of everything a run computes, by file."""

    def of(run: Path) -> dict[str, str]:
        patterns = ("supernet/**/*", "teacher/*", "ratings/**/*", "costs.parquet", "history/*", "searches/**/*")
        files = {file for pattern in patterns for file in run.glob(pattern) if file.is_file()}
        kept = sorted(file for file in files if file.name != "result.json")  # it tells the seconds taken
        return {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in kept}

    return of


@pytest.fixture
def generation() -> "Callable[..., Generation]":
    """Return a function that makes a generation by hand, by its number, agreement with the one before, and quality."""
    from helixnas.artifacts.agreement import Estimate
    from helixnas.artifacts.lineage import Generation, Quality

    def make(number: int, *, tau: float | None = None, quality: float | None = None, **others: Any) -> Generation:
        around = None if quality is None else (quality - 0.1, quality + 0.1)
        values: dict[str, Any] = {
            "number": number,
            "key": f"key {number}",
            "run": f"generation-{number}",
            "teacher": "small_resnet" if number == 1 else "16:mb3_k3 24:mb6_k3",
            "scaled_from": "" if number == 1 else "8:mb3_k3 12:mb6_k3",
            "teacher_costs": {"params": 4000, "macs": 120_000},
            "teacher_accuracy": 0.75,
            "num_evaluated": 359,
            "winner": "8:mb3_k3 12:mb6_k3",
            "costs": {"params": 3000, "macs": 100_000},
            "quality": None if quality is None else Quality(check="retrained", value=quality, interval=around),
            "agreement": None if tau is None else Estimate(tau, (tau - 0.05, tau + 0.05)),
            "stitched": None,
            "trained": None,
            "picked": None,
            "seconds": 20.0,
            "core_seconds": 30.0,
        }
        return Generation(**{**values, **others})

    return make
