"""Files of a run: written whole or not at all, read with one clear sentence when damaged."""

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from helixnas.errors import ArtifactError, HelixError

SECONDS_UNTIL_STALE = 600.0
"""Age at which a temporary file of another machine counts as left by a killed process."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it into place.

    A reader sees the old file or the new one, never half of it; an interruption leaves the old one. What a killed process has
    left of the same file is removed. Raises `ArtifactError` if the folder cannot be written or the disk is full, as all
    writers below do.
    """
    temporary = _temporary(path)
    _remove_ended(_temporaries_of(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):  # a folder that cannot be written holds no temporary file either
            temporary.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Raise `ArtifactError` if a file cannot be written, before the work whose result it will hold."""
    if path.is_dir():
        raise ArtifactError(f"cannot write {path}: it is a folder")
    above = next(each for each in path.absolute().parents if each.exists())
    if not above.is_dir():
        raise ArtifactError(f"cannot write {path}: {above} is a file, not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ArtifactError(f"cannot write {path}: the folder {above} is read-only for this user")


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary folder beside `folder`, then rename its files into place; other files there stay."""
    temporary = _temporary(folder)
    _remove_ended(_temporaries_of(folder))
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        folder.mkdir(exist_ok=True)
        for file in sorted(temporary.iterdir()):
            file.replace(folder / file.name)
    except OSError as error:
        raise ArtifactError(f"cannot write {folder}: {_reason(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path: Path) -> Path:
    """Return the path of a temporary file, which names this process and its machine."""
    return path.with_name(f".{path.name}.{os.getpid()}-{_machine()}-{uuid.uuid4().hex[:8]}.tmp")


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files and folders below `folder`, and those beside it that would become it, whose process has ended.

    The processes of other machines are not known; their files are removed once they are ten minutes old.
    """
    _remove_ended([*folder.rglob(".*.tmp"), *_temporaries_of(folder)])


def _temporaries_of(path: Path) -> list[Path]:
    """Return the temporary files and folders beside a path that would become it."""
    return [file for file in path.parent.glob(".*.tmp") if file.name.startswith(f".{path.name}.")]


def _remove_ended(files: Iterable[Path]) -> None:
    """Remove temporary files and folders whose process has ended."""
    for file in files:
        owner = re.search(r"\.(\d+)-([0-9a-f]{8})-[0-9a-f]{8}\.tmp$", file.name)
        with contextlib.suppress(OSError):  # it may have gone by now
            written = file.stat().st_mtime
            if owner is not None and owner[2] == _machine():
                is_abandoned = not _was_running(int(owner[1]), written)
            else:
                is_abandoned = time.time() - written > SECONDS_UNTIL_STALE
            if is_abandoned:
                shutil.rmtree(file) if file.is_dir() else file.unlink()


def _was_running(process: int, moment: float) -> bool:
    """Return whether a process runs that can have run at a moment; a later one may have its number, as in containers."""
    import psutil

    try:
        return psutil.Process(process).create_time() < moment + SECONDS_UNTIL_STALE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def link_file(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system cannot; files of runs are replaced, never changed."""

    def write(temporary: Path) -> None:
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, temporary)

    write_atomically(target, write)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all it holds, where there is one; raises `ArtifactError` where that is not allowed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(f"cannot remove {error.filename or path}: {_reason(error)}") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write plain values as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_text(path: Path) -> str:
    """Read a text file of a run; raises `ArtifactError` where it is missing, not readable or not text."""
    try:
        return path.read_text(encoding="utf-8-sig")  # editors on Windows put a mark before the text
    except UnicodeDecodeError as error:
        raise ArtifactError(f"cannot read {path}: it is not UTF-8 text") from error
    except PermissionError as error:
        raise ArtifactError(f"cannot read {path}: this user may not read it") from error
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {_reason(error)}") from error


MEND = "delete it to repeat its stage"
"""Advice where a file that a stage wrote is damaged."""


def read_json(path: Path, *, mend: str = MEND) -> Any:
    """Read a JSON file of a run; raises `ArtifactError` where it is missing or damaged, which says how to `mend` that."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise damaged(path, error, mend=mend) from error


@contextlib.contextmanager
def understanding(path: Path, *, mend: str = MEND) -> Generator[None]:
    """Turn errors from reading the contents of a file into the sentence of `damaged`."""
    try:
        yield
    except HelixError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise damaged(path, error, mend=mend) from error


def require_format(path: Path, values: Mapping[str, Any], name: str, version: int) -> None:
    """Raise `ValueError` if a file is of another kind, `ArtifactError` if it is of another version."""
    if values["format"] != name:
        raise ValueError(f"format {values['format']!r}")
    if values["version"] != version:
        raise ArtifactError(
            f"{path} was written by another HelixNAS (format {values['version']}; this one reads {version})"
        )


def damaged(path: Path, error: Exception, *, mend: str = MEND) -> ArtifactError:
    """Return the sentence for a file that exists but cannot be understood."""
    detail = " ".join(str(error).split()) or type(error).__name__
    return ArtifactError(f"{path} is truncated or damaged ({detail[:160]}); {mend}")


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full; free some space and run the same command again"
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return "the folder is read-only for this user"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return error.strerror or str(error)
