"""A full disk, a read-only folder and a damaged record: one sentence, nothing lost, and the run goes on afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts import RunRecord
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe

Digests = Callable[[Path], dict[str, str]]
Helixnas = Callable[..., tuple[int, str]]


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)):
        pytest.skip("mounting a small tmpfs needs root on Linux")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def helixnas(fork: Callable[..., Any]) -> Helixnas:
    """Return a function that runs a command as a user does, and returns the exit code and what it complained of."""

    def helixnas(*words: str) -> tuple[int, str]:
        code, _, complaints = fork("import sys, helixnas.cli; sys.exit(helixnas.cli.main())", *words).wait()
        return code, complaints

    return helixnas


def until_retrain(recipe: Path, folder: Path) -> list[str]:
    return ["run", str(recipe), "--out", str(folder), "--quiet", "--until", "retrain"]


@pytest.mark.slow
@pytest.mark.parametrize("room_kib", [4, 40, 200])
def test_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_room(
    small_disk: Path, helixnas: Helixnas, finished: RunFolder, tiny_path: Path, digests: Digests, room_kib: int
) -> None:
    filler, folder = small_disk / "filler", small_disk / "run"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(b"0" * (free - room_kib * 1024))
    code, said = helixnas(*until_retrain(tiny_path, folder))
    assert code == 2
    assert said.startswith("helixnas: ")
    assert said.count("\n") == 1
    assert "the disk is full" in said
    assert not list(folder.rglob(".*.tmp"))
    filler.unlink()
    assert helixnas(*until_retrain(tiny_path, folder)) == (0, "")
    assert digests(folder) == digests(finished.path)


@pytest.mark.slow
def test_read_only_folder_is_one_sentence_and_the_run_goes_on_when_it_can_be_written(
    small_disk: Path, helixnas: Helixnas, finished: RunFolder, tiny_path: Path, digests: Digests
) -> None:
    folder = small_disk / "run"
    assert mount("-o", "remount,ro", str(small_disk))
    code, said = helixnas(*until_retrain(tiny_path, folder))
    assert (code, said.count("\n")) == (2, 1)
    assert "read-only" in said.lower()
    assert mount("-o", "remount,rw", str(small_disk))
    assert helixnas(*until_retrain(tiny_path, folder)) == (0, "")
    assert mount("-o", "remount,ro", str(small_disk))
    code, said = helixnas("search", str(folder), "--max", "macs=80%")
    assert (code, said.count("\n")) == (2, 1)
    assert "read-only" in said.lower()
    assert digests(folder) == digests(finished.path)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"format": "helixnas-run", "stages": 3})])
def test_a_damaged_record_is_read_from_its_copy_and_nothing_is_redone(
    copy: RunFolder, tiny: Recipe, listener, text: str
) -> None:
    copy.record.write_text(text)
    run_recipe(tiny, copy, listener, until="search")
    assert listener.said[0] == f"{copy.record} is missing or damaged; its copy .record-copy.json is used"
    assert all("done already" in said for said in listener.said[1:])
    assert RunRecord.load(copy.record) == RunRecord.load(copy.record_copy)


def test_a_record_damaged_together_with_its_copy_is_one_sentence_whose_advice_works(
    copy: RunFolder, tiny: Recipe, listener
) -> None:
    for file in (copy.record, copy.record_copy):
        file.write_text("{")
    with pytest.raises(
        ArtifactError, match=r"record.json is truncated or damaged .*; choose another folder, or start over"
    ):
        run_recipe(tiny, copy, listener)
    assert list(run_recipe(tiny, copy, listener, until="teacher", redo=True).stages) == ["teacher"]
