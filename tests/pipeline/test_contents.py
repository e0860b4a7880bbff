"""Files that settings name count by what they hold, wherever they lie."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from helixnas.errors import ConfigError
from helixnas.pipeline import contents
from helixnas.pipeline.contents import by_content, digests, require_apart

PLACES: dict[str, Any] = {
    "weights": lambda path: {"teacher": {"weights": path}, "data": {"root": ""}},
    "arch": lambda path: {"teacher": {"model_args": {"arch": path}}, "data": {"root": ""}},
    "latency": lambda path: {"costs": {"latency_csv": path}, "data": {"root": ""}},
    "images": lambda path: {"data": {"name": "", "root": path}},
    "Parquet files": lambda path: {"data": {"name": "parquet", "root": path}},
    "images for the accuracy": lambda path: {"data": {"name": "", "root": "", "evaluation_root": path}},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_changed_file_changes_the_settings_and_a_moved_one_does_not(place: str, tmp_path: Path) -> None:
    file, settings = tmp_path / "file.bin", PLACES[place]
    file.write_bytes(b"one")
    before = by_content(settings(str(file)))
    assert str(file) not in str(before)
    moved = file.rename(tmp_path / "elsewhere.bin")
    assert by_content(settings(str(moved))) == before
    moved.write_bytes(b"another")
    assert by_content(settings(str(moved))) != before


@pytest.mark.parametrize("place", PLACES)
def test_a_file_that_is_gone_counts_as_it_was(place: str, tmp_path: Path) -> None:
    file, settings = tmp_path / "file.bin", PLACES[place]
    file.write_bytes(b"one")
    before, known = by_content(settings(str(file))), digests(settings(str(file)))
    file.unlink()
    assert by_content(settings(str(file)), known) == before
    assert by_content(settings(str(file))) == {**settings(str(file)), "imports": []}


def test_words_that_name_no_file_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"teacher": {"weights": "hub"}, "data": {"name": "torch/cifar10", "root": str(tmp_path)}, "imports": []}
    assert by_content(values) == values


def test_a_folder_of_images_counts_by_names_and_sizes_and_leaves_runs_out(tmp_path: Path) -> None:
    values = PLACES["images"](str(tmp_path / "photos"))
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "1.jpg").write_bytes(b"123")

    def seen() -> Any:
        contents._of_folder.cache_clear()
        return by_content(values)["data"]["root"]

    before = seen()
    run = tmp_path / "photos" / "run"
    run.mkdir()
    (run / "record.json").write_text("{}")
    (run / "teacher").mkdir()
    (run / "teacher" / "model.bin").write_text("x")
    assert seen() == before
    shutil.copy(tmp_path / "photos" / "cat" / "1.jpg", tmp_path / "photos" / "cat" / "2.jpg")
    assert seen() != before


def test_a_large_file_counts_by_size_beginning_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "WHOLE", 10)
    monkeypatch.setattr(contents, "EDGE", 4)
    found = set()
    for number, text in enumerate((b"aaaabbbbcccc", b"aaaabbbbccccc", b"Aaaabbbbcccc", b"aaaabbbbcccC")):
        file = tmp_path / f"{number}.tar"
        file.write_bytes(text)
        found.add(by_content(PLACES["images"](str(file)))["data"]["root"])
    assert len(found) == 4


def test_an_imported_module_counts_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_operations.py").write_text("VALUE = 1\n")
    values = {"data": {"root": ""}, "imports": ["my_operations"]}
    before = by_content(values)["imports"]
    assert before != ["my_operations"]
    (tmp_path / "my_operations.py").write_text("VALUE = 2, 3\n")
    assert by_content(values)["imports"] != before
    assert by_content({**values, "imports": ["no_such_module"]})["imports"] == ["no_such_module"]


@pytest.mark.parametrize("there", [True, False])
def test_a_run_is_not_written_where_its_images_are_looked_up(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        (tmp_path / "photos").mkdir()
    for root in ("photos", "./photos", str(tmp_path / "photos"), "runs/../photos"):
        with pytest.raises(
            ConfigError, match=r"photos cannot hold both the run and its images .*; choose another folder"
        ):
            require_apart({"data": {"root": root}}, Path("photos"))
    for root in ("", ".", "photos/runs", "other"):
        require_apart({"data": {"root": root}}, Path("photos"))
