"""The pool of teacher features: exact views, half-precision features, shared and resumed by segments, named by contents."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from helixnas.data import ImageSet
from helixnas.distill import FeaturePool, feature_pool, pool_bytes
from helixnas.distill.feature_pool import write_at
from helixnas.engine import Runtime
from helixnas.errors import ArtifactError, ConfigError
from helixnas.teacher import Teacher

MakePool = Callable[..., FeaturePool]


@pytest.fixture
def pool(teacher: Teacher, images: ImageSet, runtime: Runtime, tmp_path: Path) -> MakePool:
    """Return a function that makes a pool of two views of 24 images in batches of 5, a segment of two batches each."""

    def make(**changes: Any) -> FeaturePool:
        how: dict[str, Any] = {
            "teacher": teacher,
            "images": images.with_augmentation("flip-crop"),
            "num_views": 2,
            "batch_size": 5,
            "runtime": runtime,
            "seed": 3,
        }
        return FeaturePool(tmp_path / "features", **(how | changes))

    return make


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_pool, "SEGMENT", 2)


def stored(pool: FeaturePool) -> list[torch.Tensor]:
    rows = np.arange(pool.num_views * len(pool.images))
    return [pool.read(number, rows) for number in range(len(pool.shapes) + 1)]


def test_a_view_is_that_of_its_epoch_and_its_features_are_the_teachers_in_half_precision(
    pool: MakePool, teacher: Teacher
) -> None:
    filled = pool()
    filled.fill()
    found = stored(filled)
    for view in range(2):
        (batch,) = filled.images.batches(batch_size=24, seed=3, epoch=view, augment=True, shuffle=False)
        expected = teacher.features(batch.images)
        own = slice(24 * view, 24 * view + 24)
        assert torch.equal(found[0][own], expected[0])  # bytes hold a view exactly
        for number in (1, 2):
            torch.testing.assert_close(found[number][own], expected[number], rtol=2e-3, atol=2e-3)
            assert found[number].dtype == torch.float32
    assert not torch.equal(found[0][:24], found[0][24:])


def test_the_size_is_known_before_and_is_that_of_the_files(pool: MakePool) -> None:
    filled = pool()
    shapes = filled.shapes
    assert filled.num_bytes == pool_bytes(48, 8, shapes) == 48 * (192 + 2 * sum(int(np.prod(each)) for each in shapes))
    assert str(filled) == f"features of 2 views of 24 images, 0.00 GiB in {filled.folder}"
    filled.fill()
    assert sum(file.stat().st_size for file in filled.folder.glob("y*")) == filled.num_bytes


def test_an_interrupted_pool_continues_with_the_segments_that_are_missing(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pool()
    whole.fill()
    expected = stored(whole)
    shutil.rmtree(whole.folder)

    begun, calls = pool(), list[tuple[int, int]]()
    compute = FeaturePool._compute

    def stopped(self: FeaturePool, segment: tuple[int, int]) -> None:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(segment)
        compute(self, segment)

    monkeypatch.setattr(FeaturePool, "_compute", stopped)
    with pytest.raises(KeyboardInterrupt):
        begun.fill()
    assert len(begun.missing()) == 3
    monkeypatch.setattr(FeaturePool, "_compute", lambda self, segment: calls.append(segment) or compute(self, segment))
    done = list[int]()
    again = pool()
    again.fill(done.append)
    assert sorted(calls) == again.segments == [(view, part) for view in range(2) for part in range(3)]
    assert done == [4, 5, 6, 6]
    assert all(torch.equal(a, b) for a, b in zip(stored(again), expected, strict=True))


def test_a_segment_that_another_process_computes_is_waited_for(pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = pool()
    mine.prepare()
    held = mine._marker((0, 1))
    lock = feature_pool.FileLock(held.with_suffix(".lock"))
    lock.acquire()
    waits = list[float]()

    def the_other_finishes(seconds: float) -> None:
        waits.append(seconds)
        mine._compute((0, 1))
        lock.release()

    monkeypatch.setattr(feature_pool, "time", SimpleNamespace(sleep=the_other_finishes))
    mine.fill()
    assert waits == [feature_pool.SECONDS_BETWEEN_LOOKS]
    assert not mine.missing()


def test_the_name_changes_with_what_the_features_depend_on_and_with_nothing_else(
    pool: MakePool, images: ImageSet, two_convolutions: Callable[[int], Teacher]
) -> None:
    names = [
        each.folder.name
        for each in (
            pool(),
            pool(seed=4),
            pool(num_views=3),
            pool(teacher=two_convolutions(1)),
            pool(images=images),
            pool(images=images.with_augmentation("flip-crop").subset(range(20))),
            pool(origin="other files"),
        )
    ]
    assert len({*names}) == len(names)
    assert pool().folder.name == pool(teacher=two_convolutions(0)).folder.name == names[0]
    assert images.store.pixels is not None
    other = replace(images.store, augmentation="flip-crop", pixels=255 - images.store.pixels)
    assert pool(images=replace(images, store=other)).folder.name not in names


def test_pools_of_other_settings_are_removed(pool: MakePool) -> None:
    old, new = pool(seed=1), pool(seed=2)
    old.fill()
    new.fill()
    assert [each.name for each in new.home.iterdir()] == [new.folder.name]


def test_a_disk_without_room_is_refused_before_anything_is_computed(
    pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_pool.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    sentence = (
        r"^distill.feature_cache=2 needs 0.00 GiB, but the disk of .*features has 0.00 GiB free; choose fewer views"
    )
    with pytest.raises(ConfigError, match=sentence):
        pool().fill()


def test_a_disk_that_fills_up_is_one_sentence(pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_pool.os, "pwrite", full)
    with pytest.raises(ArtifactError, match=r"^cannot write .*: No space left on device$"):
        pool().fill()


def test_features_beyond_half_precision_are_refused(pool: MakePool, teacher: Teacher) -> None:
    large = SimpleNamespace(**{name: getattr(teacher, name) for name in ("widths", "feature_sizes", "input_size")})
    large.boundaries, large.model, large.state_dict = teacher.boundaries, teacher.model, teacher.state_dict
    large.features = lambda images: [1e6 * each for each in teacher.features(images)]
    wide = pool()
    wide.teacher = large  # type: ignore[assignment]
    sentence = r"^the teacher's Y_1 has values beyond float16 .*; give distill.feature_cache=0"
    with pytest.raises(ConfigError, match=sentence):
        wide.fill()


def test_all_bytes_are_written_even_if_the_system_writes_them_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pwrite = tmp_path / "file", feature_pool.os.pwrite
    monkeypatch.setattr(feature_pool.os, "pwrite", lambda file, data, place: pwrite(file, data[:3], place))
    with path.open("wb") as file:
        write_at(file.fileno(), memoryview(b"0123456789"), 2)
    assert path.read_bytes() == b"\0\0" + b"0123456789"
