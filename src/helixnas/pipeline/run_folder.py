"""The folder of a run: where each artifact lies, what is finished, and who is at work in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from helixnas.artifacts import RunRecord
from helixnas.artifacts.files import read_text, write_text
from helixnas.errors import ArtifactError


class RunFolder:
    """Paths and records of one run.

    >>> RunFolder(Path("runs/demo")).rating(2).as_posix()
    'runs/demo/ratings/block-2.parquet'
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def config(self) -> Path:
        """All settings of the run, as YAML."""
        return self.path / "config.yaml"

    @property
    def record(self) -> Path:
        """What is finished (`RunRecord`)."""
        return self.path / "record.json"

    @property
    def teacher(self) -> Path:
        """Weights and boundaries of the teacher."""
        return self.path / "teacher"

    @property
    def costs(self) -> Path:
        """Costs of every path (`CostTable`)."""
        return self.path / "costs.parquet"

    @property
    def stitching(self) -> Path:
        """Stitched architectures with their summed scores and sizes."""
        return self.path / "ratings" / "stitching.json"

    @property
    def report(self) -> Path:
        """The page that shows the run."""
        return self.path / "report.html"

    @property
    def tensorboard(self) -> Path:
        """Scalars while training."""
        return self.path / "tensorboard"

    def supernet_block(self, number: int) -> Path:
        """Return the weights of one block's cells."""
        return self.path / "supernet" / f"block-{number}.safetensors"

    def rating(self, number: int) -> Path:
        """Return the scores of one block's paths (`RatingTable`)."""
        return self.path / "ratings" / f"block-{number}.parquet"

    def history(self, stage: str) -> Path:
        """Return the losses of a stage over its steps, as Parquet."""
        return self.path / "history" / f"{stage.replace(':', '-')}.parquet"

    def checkpoint(self, stage: str) -> Path:
        """Return the unfinished state of a stage."""
        return self.path / "checkpoints" / f"{stage.replace(':', '-')}.pt"

    def search(self, name: str) -> Path:
        """Return the folder of a named search."""
        return self.path / "searches" / name

    def retrained(self, name: str) -> Path:
        """Return the model folder of a named search's winner."""
        return self.search(name) / "retrained"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.record.is_file()

    def load_record(self) -> RunRecord:
        """Return what is finished; raises `ArtifactError` where there is no run."""
        if not self.exists():
            raise ArtifactError(f"there is no run in {self.path}; begin one with: helixnas run RECIPE --out {self.path}")
        return RunRecord.load(self.record)

    def load_settings(self) -> dict[str, Any]:
        """Return the settings of the run as plain values."""
        try:
            settings = yaml.safe_load(read_text(self.config))
        except yaml.YAMLError as error:
            raise ArtifactError(f"{self.config} is not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(settings, dict):
            raise ArtifactError(f"{self.config} is truncated or damaged; run the recipe again with --out {self.path}")
        return settings

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Write the settings of the run, whole or not at all."""
        write_text(self.config, yaml.safe_dump(settings, sort_keys=False, width=100))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of the folder.

        Raises:
            ArtifactError: another process is at work in it (named), or the folder cannot be written.
        """
        owner = self.path / ".lock-owner"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            who = owner.read_text().strip() if owner.is_file() else "another process"
            raise ArtifactError(f"{who} is at work in {self.path}; wait for it, or choose another --out") from error
        except (OSError, NotImplementedError) as error:
            raise ArtifactError(f"cannot write in {self.path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            write_text(owner, f"process {os.getpid()}\n")
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()
