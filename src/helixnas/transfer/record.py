"""TransferFolder: the folder of a transferred network, with weights, record, figures, pictures and page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from helixnas.artifacts.files import read_json, understanding, write_json
from helixnas.errors import ArtifactError

LISTS = ("class_names", "mean", "std", "imports")
"""Fields of a record that are tuples; files of before there were `imports` have none."""

MEND = "run helixnas transfer again with another --out"


@dataclass(frozen=True, kw_only=True)
class TransferRecord:
    """What made a transferred network, and what it takes to build it again."""

    key: str
    """Hash of the model with its weights, both sets of images with their classes, the settings and the seed."""

    model: str
    """Name of the model."""

    weights: str
    """Where the weights of a named model came from; empty for a folder's own."""

    trained: bool
    """Whether the backbone had weights; frozen layers depend on it."""

    backbone: Mapping[str, Any]
    """See `helixnas.transfer.building.describe`."""

    data: str
    """Title of the training images."""

    evaluation: str
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    settings: Mapping[str, Any]
    """Of `TransferConfig`."""

    seed: int
    imports: tuple[str, ...] = ()
    """Modules that register the user's own operations, by name or by the path of their file."""


@dataclass(frozen=True)
class TransferFolder:
    """Paths of a transferred network."""

    path: Path

    @property
    def record_file(self) -> Path:
        """The record, written last."""
        return self.path / "transfer.json"

    @property
    def figures_file(self) -> Path:
        """Figures on the evaluation images."""
        return self.path / "metrics.json"

    @property
    def weights(self) -> Path:
        """Weights of the whole network."""
        return self.path / "model.safetensors"

    @property
    def history(self) -> Path:
        """Losses by step."""
        return self.path / "history.parquet"

    @property
    def pictures(self) -> Path:
        """Folder of pictures."""
        return self.path / "pictures"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def checkpoint(self) -> Path:
        """State of a training that is not done."""
        return self.path / "checkpoints" / "transfer.pt"

    def save(self, record: TransferRecord) -> None:
        """Write the record."""
        write_json(self.record_file, asdict(record))

    def load(self) -> TransferRecord:
        """Read the record; raises `ArtifactError` if it is missing or damaged."""
        if not self.record_file.is_file():
            raise ArtifactError(f"{self.path} holds no finished transfer (no {self.record_file.name})")
        with understanding(self.record_file, mend=MEND):
            content: dict[str, Any] = dict(read_json(self.record_file, mend=MEND))
            lists: dict[str, Any] = {name: tuple(content.get(name, ())) for name in LISTS}
            return TransferRecord(**{**content, **lists})

    def finished(self, key: str) -> dict[str, Any] | None:
        """Return the figures if the folder holds what `key` stands for, None if it is not finished.

        Raises `ArtifactError` if it holds something else.
        """
        if not self.record_file.is_file():
            if any((self.path / name).is_file() for name in ("config.json", "record.json", "finetune.json")):
                raise ArtifactError(f"{self.path} holds another model or run; choose another --out")
            return None
        if self.load().key != key:
            raise ArtifactError(
                f"{self.path} holds a network transferred with other settings or images; choose another --out"
            )
        return self.load_figures()

    def load_figures(self) -> dict[str, Any]:
        """Read the figures."""
        with understanding(self.figures_file, mend=MEND):
            return dict(read_json(self.figures_file, mend=MEND))
