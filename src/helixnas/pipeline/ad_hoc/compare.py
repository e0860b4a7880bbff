"""Other search methods on the tables and limits of a search, saved as ``comparison.json``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from helixnas.artifacts.files import damaged, read_json, write_json
from helixnas.search import SearchResult, compare_methods


@dataclass(frozen=True, kw_only=True)
class Row:
    """The result of one method."""

    method: str

    score: float | None
    """Summed score of its best architecture within the limits; None if it found none."""

    excess: float | None
    """Its score minus the exact search's."""

    seconds: float

    num_architectures: int
    """Architectures that it evaluated; 0 if unknown."""

    finished: bool
    """Whether it finished within its time limit."""


def compare_on(result: SearchResult, *, seed: int, time_limit_s: float) -> tuple[Row, ...]:
    """Run the reference methods on the instance and budget of a result; the first row is the exact search."""
    best = result.best()
    exact = Row(
        method="exact search",
        score=best.score * 1e-12,
        excess=0.0,
        seconds=result.seconds,
        num_architectures=0,
        finished=result.status == "optimal",
    )
    others = compare_methods(result.instance, result.budget, seed=seed, time_limit_s=time_limit_s)
    return exact, *(
        Row(
            method=other.method,
            score=None if other.answer is None else other.answer.score * 1e-12,
            excess=None if other.answer is None else (other.answer.score - best.score) * 1e-12,
            seconds=other.seconds,
            num_architectures=other.num_architectures,
            finished=other.finished,
        )
        for other in others
    )


def save_comparison(rows: tuple[Row, ...], path: Path, *, time_limit_s: float) -> None:
    """Write a comparison atomically."""
    write_json(path, {"time_limit_s": time_limit_s, "methods": [asdict(row) for row in rows]})


def load_comparison(path: Path) -> tuple[Row, ...]:
    """Read a comparison; raises `ArtifactError` where the file is missing or damaged."""
    values: Mapping[str, Any] = read_json(path)
    try:
        return tuple(Row(**row) for row in values["methods"])
    except (KeyError, TypeError) as error:
        raise damaged(path, error) from error
