"""RunRecord: what a run has finished, with which settings, and which files it left.

Each stage's record carries a key: the hash of the settings that made it, the key of the stage before included. A stage
is done when its record has today's key and its files are whole; another key means that something was changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from helixnas.artifacts.record import Record


def config_key(settings: Any, *upstream: str) -> str:
    """Return the hash of plain settings and the keys they build on; equal settings give equal keys.

    >>> config_key({"a": 1, "b": 2}) == config_key({"b": 2, "a": 1}) != config_key({"a": 1, "b": 2}, "before")
    True
    """
    text = json.dumps([settings, *upstream], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One finished stage."""

    key: str
    """Hash of the settings that made it (`config_key`)."""

    settings: Mapping[str, Any]
    """Those settings, to name what changed."""

    files: Mapping[str, int]
    """Files it left, relative to the run folder, with their sizes in bytes."""

    seconds: float
    """Wall-clock time, interruptions not counted."""

    finished: str
    """ISO 8601 with time zone."""

    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Results for the report: accuracies, counts, ..."""

    core_seconds: float | None = None
    """Processor time, user and system; None where unknown: in older runs, and where other processes did part of the work."""

    worker_core_seconds: float | None = None
    """Processor time of all that made it, workers and the command that asked them; None where jobs did nothing."""

    num_threads: int | None = None
    """CPU threads of torch, on which the last digits of results depend; None in older runs."""

    @property
    def cost(self) -> float | None:
        """Processor time in seconds, wherever it was spent; None where unknown."""
        return self.core_seconds if self.worker_core_seconds is None else self.worker_core_seconds

    def missing(self, folder: Path) -> str | None:
        """Return the first of its files that is gone or of another size, or None where all are whole."""
        files = ((name, folder / name, size) for name, size in self.files.items())
        return next((name for name, file, size in files if not file.is_file() or file.stat().st_size != size), None)


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """All stages of a run by name, and the versions that made them."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas-run", 1)
    MEND: ClassVar[str] = "choose another folder, or start over in this one (redo)"

    recipe: str
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    stages: Mapping[str, StageRecord] = field(default_factory=dict[str, StageRecord])

    contents: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digests of the files that the settings name, by path, so that a file that is gone still counts."""

    def with_stage(self, name: str, record: StageRecord) -> "RunRecord":
        """Return a copy in which stage `name` is finished."""
        return replace(self, stages={**self.stages, name: record})

    def without_stage(self, name: str) -> "RunRecord":
        """Return a copy in which stage `name` is open."""
        return replace(self, stages={key: value for key, value in self.stages.items() if key != name})
