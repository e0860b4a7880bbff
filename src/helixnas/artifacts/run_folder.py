"""The folder of a run: where each artifact lies, what is finished, and who is at work in it."""

import os
import shlex
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from helixnas.artifacts.files import read_text, write_text
from helixnas.artifacts.run_record import RunRecord, StageRecord
from helixnas.errors import ArtifactError

MADE = [
    "teacher",
    "supernet",
    "ratings",
    "searches",
    "rankings",
    "baselines",
    "history",
    "checkpoints",
    "tensorboard",
    "costs",
    "costs.parquet",
    "report.html",
]
"""Files and folders of a run beside config and record."""

SECONDS_UNTIL_STALE = 600.0
"""Age at which a temporary file counts as left by a killed process."""


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
        """The finished stages (`RunRecord`)."""
        return self.path / "record.json"

    @property
    def record_copy(self) -> Path:
        """A copy of the record, read where the record itself is damaged or gone."""
        return self.path / ".record-copy.json"

    @property
    def teacher(self) -> Path:
        """Weights and boundaries of the teacher."""
        return self.path / "teacher"

    @property
    def costs(self) -> Path:
        """Costs of every path (`CostTable`)."""
        return self.path / "costs.parquet"

    @property
    def latency(self) -> Path:
        """Measured latency of every path (`CostTable`)."""
        return self.path / "costs" / "latency.parquet"

    @property
    def latency_report(self) -> Path:
        """How latency was measured, and how far sums are from whole networks."""
        return self.path / "costs" / "latency.json"

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

    @property
    def beams(self) -> Path:
        """Which beginnings of networks a progressive distillation kept after each block."""
        return self.path / "supernet" / "kept.json"

    @property
    def supernet_state(self) -> Path:
        """Where distillation stood when it was stopped early, for a longer one to go on from."""
        return self.path / "supernet" / "state.pt"

    def rating(self, number: int) -> Path:
        """Return the scores of one block's paths (`RatingTable`)."""
        return self.path / "ratings" / f"block-{number}.parquet"

    def history(self, stage: str) -> Path:
        """Return the losses of a stage over its steps, as Parquet."""
        return self.path / "history" / f"{stage.replace(':', '-')}.parquet"

    def block_history(self, number: int) -> Path:
        """Return the losses of one block's cells over the steps of distillation."""
        return self.history(f"distill-block-{number}")

    def checkpoint(self, stage: str) -> Path:
        """Return the unfinished state of a stage."""
        return self.path / "checkpoints" / f"{stage.replace(':', '-')}.pt"

    def search(self, name: str) -> Path:
        """Return the folder of a named search."""
        return self.path / "searches" / name

    def search_names(self) -> list[str]:
        """Return the names of the searches that were made, the recipe's and others."""
        return sorted(file.parent.name for file in self.path.glob("searches/*/result.json"))

    def retrained(self, name: str) -> Path:
        """Return the model folder of a named search's winner."""
        return self.search(name) / "retrained"

    def inherited(self, name: str) -> Path:
        """Return the model folder of a named search's winner that inherited the supernet's weights."""
        return self.search(name) / "inherited"

    def model(self, name: str) -> Path | None:
        """Return the folder of a named search's trained network: from scratch, else from inherited weights."""
        folders = (self.retrained(name), self.inherited(name))
        return next((folder for folder in folders if (folder / "model.safetensors").is_file()), None)

    def ranking(self, benchmark: str) -> Path:
        """Return the folder of the ranking against a benchmark."""
        return self.path / "rankings" / benchmark

    def baseline(self, method: str, seed: int) -> Path:
        """Return the ratings of another method with that seed (`Baseline`)."""
        return self.path / "baselines" / f"{method}-seed{seed}.json"

    @property
    def resume_command(self) -> str:
        """The command that goes on with the run, whatever recipe and options it was begun with."""
        return f"helixnas run {shlex.quote(str(self.config))} --out {shlex.quote(str(self.path))}"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.record.is_file() or self.record_copy.is_file()

    def load_record(self, say: Callable[[str], None] = lambda text: None) -> RunRecord:
        """Return the record of the finished stages; `say` is told where it had to be read from its copy.

        Raises:
            ArtifactError: there is no run, or both record and copy are damaged.
        """
        if not self.exists():
            raise ArtifactError(f"no run in {self.path}; begin one with: helixnas run RECIPE --out {self.path}")
        try:
            return RunRecord.load(self.record)
        except ArtifactError as error:
            try:
                record = RunRecord.load(self.record_copy)
            except ArtifactError:
                raise error from None
            say(f"{self.record} is missing or damaged; its copy {self.record_copy.name} is used")
            return record

    def save_record(self, record: RunRecord) -> None:
        """Write the record and its copy, each whole or not at all."""
        record.save(self.record)
        record.save(self.record_copy)

    def stage_record(
        self,
        *,
        key: str,
        settings: Mapping[str, Any],
        files: Iterable[str],
        facts: Mapping[str, Any],
        seconds: float,
        core_seconds: float | None = None,
    ) -> StageRecord:
        """Return the record of a stage that has just finished, with the sizes of its files."""
        return StageRecord(
            key=key,
            settings=settings,
            files={name: (self.path / name).stat().st_size for name in files},
            seconds=round(seconds, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            facts=facts,
            core_seconds=None if core_seconds is None else round(core_seconds, 3),
        )

    def load_settings(self) -> dict[str, Any]:
        """Return the settings of the run as plain values."""
        try:
            settings = yaml.safe_load(read_text(self.config))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ArtifactError(f"{self.config} is not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(settings, dict):
            raise ArtifactError(f"{self.config} is truncated or damaged; run the recipe again with --out {self.path}")
        return settings

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Write the settings of the run, whole or not at all."""
        write_text(self.config, yaml.safe_dump(settings, sort_keys=False, width=100))

    def clear(self) -> None:
        """Remove what another run left here, and nothing else."""
        try:
            for name in MADE:
                path = self.path / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise ArtifactError(f"cannot remove {error.filename}: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove half-written files and folders that killed processes left."""
        for file in self.path.rglob(".*.tmp"):
            with suppress(OSError):  # it may have gone by now
                if time.time() - file.stat().st_mtime > SECONDS_UNTIL_STALE:
                    shutil.rmtree(file) if file.is_dir() else file.unlink()

    @contextmanager
    def locked(self, job: str = "", *, patience: float = 0.0) -> Generator[None]:
        """Keep other processes out of the folder, or out of one job in it that runs beside others.

        Args:
            job: name of the job; empty for the whole run.
            patience: seconds to wait for another process to leave.

        Raises:
            ArtifactError: another process is at work in it (named), or the folder cannot be written.
        """
        lock, owner = FileLock(self.path / f".lock{job}"), self.path / f".lock{job}-owner"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=patience)
        except Timeout as error:
            what = f"{self.path} ({job.strip('-')})" if job else self.path
            raise ArtifactError(
                f"{_text(owner) or 'another process'} is at work in {what}; wait for it, or choose another --out"
            ) from error
        except FileExistsError as error:
            raise ArtifactError(f"{self.path} is a file, not the folder of a run; choose another --out") from error
        except (OSError, NotImplementedError) as error:
            raise ArtifactError(f"cannot write in {self.path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            write_text(owner, f"process {os.getpid()}\n")
            yield
        finally:
            with suppress(OSError):  # the name of a process that has gone does no harm
                owner.unlink(missing_ok=True)
            lock.release()


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return ""
