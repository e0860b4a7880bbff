"""Files: whole or not at all, one sentence when they cannot be."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.files import (
    _temporary,
    damaged,
    read_json,
    read_text,
    remove,
    remove_abandoned,
    require_writable,
    write_atomically,
    write_folder,
    write_json,
    write_text,
)
from helixnas.errors import ArtifactError


def test_what_is_written_is_read_back_and_no_temporary_is_left(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "er" / "values.json"
    write_json(file, {"name": "é", "list": [1, 2.5, None]})
    assert read_json(file) == {"name": "é", "list": [1, 2.5, None]}
    write_text(file, "grüße\n")
    assert read_text(file) == "grüße\n"
    assert file.read_bytes().decode("utf-8") == "grüße\n"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_files_of_ended_processes_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from helixnas.artifacts.files import write_text, _temporary\n"
        "file = _temporary(pathlib.Path(sys.argv[1])); file.write_text(''); print(file.name)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.json")], capture_output=True, text=True, check=True
    ).stdout.strip()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as other:
        working = re.sub(r"\.\d+-", f".{other.pid}-", ended)
        elsewhere = re.sub(r"-[0-9a-f]{8}-", "-00000000-", ended)
        own = f".b.json.{os.getpid()}-{ended.split('-')[1]}-01234567.tmp"
        for name in (working, elsewhere, f"old{elsewhere}", own, "kept.tmp"):
            (tmp_path / f".{name.lstrip('.')}" if name != "kept.tmp" else tmp_path / name).write_text("")
        os.utime(tmp_path / f".old{elsewhere}", (0, 0))
        remove_abandoned(tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == {working, elsewhere, own, "kept.tmp"}
        other.communicate("")


def test_files_of_an_earlier_process_with_the_same_number_are_removed(tmp_path: Path) -> None:
    file = _temporary(tmp_path / "a.json")  # by number, of this process
    file.write_text("")
    os.utime(file, (0, 0))
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_half_written_beside_its_place_is_removed(tmp_path: Path) -> None:
    half, other = _temporary(tmp_path / "model"), _temporary(tmp_path / "model2")
    for folder in (half, other):
        folder.mkdir()
        (folder / "weights").write_text("")
        os.utime(folder, (0, 0))
    (tmp_path / "model").mkdir()
    remove_abandoned(tmp_path / "model")
    assert {each.name for each in tmp_path.iterdir()} == {"model", other.name}


def test_writing_removes_what_a_killed_process_has_left_of_the_same_file_or_folder(tmp_path: Path) -> None:
    left = [_temporary(tmp_path / name) for name in ("model", "model.onnx", "other.onnx")]
    left[0].mkdir()
    for file in (left[0] / "weights", *left[1:]):
        file.write_text("")
    for file in left:
        os.utime(file, (0, 0))  # of an earlier process with the number of this one
    write_text(tmp_path / "model.onnx", "whole")
    assert sorted(tmp_path.iterdir()) == sorted([left[0], left[2], tmp_path / "model.onnx"])
    write_folder(tmp_path / "model", lambda folder: write_text(folder / "weights", ""))
    assert sorted(tmp_path.iterdir()) == sorted([left[2], tmp_path / "model.onnx", tmp_path / "model"])


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), ValueError("a defect"), KeyboardInterrupt()]
)
def test_a_writer_that_fails_keeps_the_old_file_and_leaves_no_temporary(error: BaseException, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_text(file, "old")

    def half(temporary: Path) -> None:
        assert temporary.parent == file.parent
        temporary.write_text("ne")
        raise error

    with pytest.raises(ArtifactError if isinstance(error, OSError) else type(error)):
        write_atomically(file, half)
    assert read_text(file) == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["record.json"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_text(file, "old")

    def look(temporary: Path) -> None:
        temporary.write_text("new")
        assert read_text(file) == "old"

    write_atomically(file, look)
    assert read_text(file) == "new"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full; free some space and run the same command again"),
        (errno.EACCES, "the folder is read-only for this user"),
        (errno.EROFS, "the folder is read-only for this user"),
        (errno.EPERM, "the folder is read-only for this user"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_a_disk_that_refuses_is_one_sentence(
    number: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: Any, **__: Any) -> int:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ArtifactError) as caught:
        write_json(tmp_path / "values.json", {})
    assert str(caught.value) == f"cannot write {tmp_path / 'values.json'}: {reason}"
    assert [each.name for each in tmp_path.iterdir()] == []


def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(ArtifactError, match="the folder is read-only for this user"):
        write_text(folder / "file", "text")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "text")
    with pytest.raises(ArtifactError, match=r"cannot write .*: (File exists|Not a directory)"):
        write_text(tmp_path / "file" / "inside", "text")


def test_an_error_without_a_reason_of_the_system_keeps_its_own(tmp_path: Path) -> None:
    def refuse(_: Path) -> None:
        raise OSError("the tape is torn")

    with pytest.raises(ArtifactError, match="cannot write .*: the tape is torn"):
        write_atomically(tmp_path / "file", refuse)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_json(tmp_path / "gone.json")
    assert str(caught.value) == f"cannot read {tmp_path / 'gone.json'}: there is no such file"


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot read .*: Is a directory"):
        read_text(tmp_path)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "values.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ArtifactError, match=r"cannot read .*values\.json: it is not UTF-8 text"):
        read_json(tmp_path / "values.json")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ArtifactError, match="cannot read .*: this user may not read it"):
        read_text(tmp_path / "secret")


@pytest.mark.parametrize("keep", [0, 1, 9])
def test_truncated_json_is_one_sentence_that_says_what_to_do(keep: int, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    write_json(file, {"a": 1, "b": [2, 3]})
    file.write_text(file.read_text()[:keep])
    with pytest.raises(ArtifactError) as caught:
        read_json(file)
    assert str(caught.value).startswith(f"{file} is truncated or damaged (")
    assert str(caught.value).endswith("); delete it to repeat its stage")


def test_the_detail_of_damage_is_one_short_line() -> None:
    sentence = str(damaged(Path("x"), ValueError("long\n" * 200)))
    assert "\n" not in sentence
    assert len(sentence) < 260
    assert "(KeyError)" in str(damaged(Path("x"), KeyError()))


def test_a_folder_is_filled_aside_and_leaves_other_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "folder"

    def write(to: Path) -> None:
        assert to != folder
        (to / "new.txt").write_text("new")

    write_folder(folder, write)
    (folder / "other.txt").write_text("mine")
    write_folder(folder, write)
    assert sorted(file.name for file in folder.iterdir()) == ["new.txt", "other.txt"]
    assert [each.name for each in folder.parent.iterdir()] == ["folder"]


def test_a_folder_that_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_folder(folder, lambda to: write_text(to / "a.txt", "old"))

    def fail(to: Path) -> None:
        (to / "a.txt").write_text("new")
        raise OSError(28, "No space left on device")

    with pytest.raises(ArtifactError, match="cannot write .*folder: the disk is full"):
        write_folder(folder, fail)
    assert (folder / "a.txt").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_folder_is_removed_with_all_it_holds_and_one_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "")
    remove(tmp_path / "a")
    remove(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_removed_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    file = tmp_path / "job.pt"
    file.write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"cannot remove .*inner\.pt: "):
        remove(file / "inner.pt")
    remove(file)
    remove(file)
    assert not file.exists()


def test_a_link_to_a_folder_is_removed_and_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    remove(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(tmp_path / "new" / "a.yaml")
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match=r"cannot write .*a\.yaml: .*file is a file, not a folder"):
        require_writable(tmp_path / "file" / "a.yaml")
    with pytest.raises(ArtifactError, match="it is a folder"):
        require_writable(tmp_path)
    monkeypatch.setattr("os.access", lambda *words: False)
    with pytest.raises(ArtifactError, match="is read-only for this user"):
        require_writable(tmp_path / "new" / "a.yaml")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
