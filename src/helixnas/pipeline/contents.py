"""Settings that name files count by the contents of the files, not by their paths.

A changed file redoes the stages that depend on it; a moved file redoes nothing.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from helixnas.data.config import PARQUET
from helixnas.errors import ConfigError

PREFIX = "sha256:"
"""Prefix of a digest that stands for a file in the settings of a stage."""

IMAGES = (("data", "root"), ("data", "evaluation_root"))
"""Places of the settings that may name images."""

FILES = (("teacher", "weights"), ("teacher", "model_args", "arch"), ("costs", "latency_csv"), *IMAGES)
"""Places of the settings that may name a file or folder."""

WHOLE = 64 * 2**20
"""Bytes up to which a file is hashed whole; of a larger one, size, beginning and end are hashed."""

EDGE = 2**20
"""Bytes hashed at the beginning and end of a larger file."""


def by_content(values: Mapping[str, Any], known: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Replace every file, folder of images and imported module in the settings of a run by a digest of its contents.

    `known` are digests by path, for files that are gone (`digests` of an earlier call).
    """
    found, known = dict(values), known or {}
    for place, path in _named(values):
        digest = digest_of(path) or known.get(path)
        if digest is not None:
            found = _replaced(found, place, PREFIX + digest)
    modules = {name: digest_of(_origin(name)) or known.get(_origin(name)) for name in values.get("imports") or ()}
    return {**found, "imports": [PREFIX + digest if digest else name for name, digest in modules.items()]}


def digests(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of every file that the settings name and that is there, by its path."""
    paths = [path for _, path in _named(values)] + [_origin(name) for name in values.get("imports") or ()]
    return {path: digest for path in paths if (digest := digest_of(path)) is not None}


def require_apart(values: Mapping[str, Any], out: Path) -> None:
    """Raise `ConfigError` if a run would be written into its own images, or its folder be taken for them."""
    root = values["data"].get("root")
    if root and Path(root).expanduser().resolve() == out.resolve():
        raise ConfigError(
            f"{out} cannot hold both the run and its images (data.root is {root!r}); choose another folder"
        )


def _named(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the places of settings that name a file, with the path."""
    for place in FILES:
        value: Any = values
        for name in place:
            value = value.get(name) if isinstance(value, Mapping) else None
        # the root of a named data set is only its download folder, but for Parquet files
        is_named_data = place in IMAGES and values["data"].get("name") not in (None, "", PARQUET)
        if isinstance(value, str) and value and not is_named_data:
            yield place, value


def _replaced(values: Mapping[str, Any], place: tuple[str, ...], value: str) -> dict[str, Any]:
    name, *rest = place
    return {**values, name: _replaced(values[name], tuple(rest), value) if rest else value}


def _origin(module: str) -> str:
    """Return the file of a Python module, or its name if it has none or is itself a file."""
    if module.endswith(".py"):
        return module
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    return spec.origin if spec is not None and spec.origin else module


def digest_of(path: str) -> str | None:
    """Return a digest of a file or of a folder's listing; None if there is neither."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    of = _of_folder if Path(path).is_dir() else _of_file
    return of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _of_file(path: str, size: int, modified: int) -> str | None:
    """Return the digest of a file; `modified` is a key of the cache."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            if size <= WHOLE:
                digest = hashlib.file_digest(file, "sha256")
            else:
                digest.update(f"{size} ".encode() + file.read(EDGE))
                file.seek(size - EDGE)
                digest.update(file.read())
    except OSError:
        return None
    return digest.hexdigest()[:16]


@lru_cache(maxsize=16)
def _of_folder(path: str, size: int, modified: int) -> str:
    """Return the digest of the names and sizes of all files in a folder, without folders of runs."""
    rows: list[str] = []
    for folder, folders, files in os.walk(path):
        if "record.json" in files:  # the folder of a run
            folders.clear()
            continue
        below = os.path.relpath(folder, path)
        for name in files:
            try:
                rows.append(f"{below}/{name} {os.stat(os.path.join(folder, name)).st_size}")  # noqa: PTH116, PTH118 - fast
            except OSError:
                rows.append(f"{below}/{name} unreadable")
    return hashlib.sha256("\n".join(sorted(rows)).encode("utf-8", "surrogateescape")).hexdigest()[:16]
