"""SearchRecord: limits, answer and figures of one named search (``searches/NAME/result.json``)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from helixnas.artifacts.files import read_json, understanding, write_json
from helixnas.artifacts.record import from_plain


@dataclass(frozen=True, kw_only=True)
class RunnerUp:
    """A network that came close, compared with the winner on the same rating batches."""

    architecture: str
    difference: float
    """Its summed score minus the winner's; positive: the winner is better."""

    standard_error: float | None
    """Of the difference over rating batches; None with a single batch, or for scores that were not measured per batch."""


@dataclass(frozen=True, kw_only=True)
class SearchRecord:
    """One finished search; architectures are in text form, limits whole numbers."""

    status: str
    """``optimal`` where the best is proven."""

    architecture: str
    """The winner."""

    score: float
    """Its summed score (Eq. 4), lower is better."""

    costs: Mapping[str, int]
    teacher: Mapping[str, int]
    """Costs of the teacher, of which percentages are shares."""

    config: Mapping[str, Any]
    """The settings of the search (`helixnas.search.config.SearchConfig`) as plain values."""

    upper: Mapping[str, int]
    lower: Mapping[str, int]
    front_over: tuple[str, ...]
    """Resources that the front weighs the score against."""

    seconds: float
    space_size: int
    """Architectures in the space that was searched."""

    latency: Mapping[str, Any] | None
    """How a latency budget was kept; None where there was none."""

    runners_up: tuple[RunnerUp, ...]

    warnings: tuple[str, ...] = ()
    """Sentences about a result that is valid and rarely what was wanted; none in older runs."""

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values of the file."""
        values = asdict(self)
        config = values.pop("config")
        limits = {"upper": values.pop("upper"), "lower": values.pop("lower")}
        return {**values, **config, "limits": limits, "space_size": str(self.space_size)}

    def save(self, path: Path) -> None:
        """Write the record as JSON."""
        write_json(path, self.to_dict())

    @staticmethod
    def load(path: Path) -> "SearchRecord":
        """Read a record; raises `ArtifactError` where the file is missing or damaged."""
        values = read_json(path)
        with understanding(path):
            known = {name: values.pop(name) for name in tuple(values) if name in SearchRecord.__dataclass_fields__}
            known |= {**values.pop("limits"), "config": values, "space_size": int(known["space_size"])}
            return from_plain(SearchRecord, known)
