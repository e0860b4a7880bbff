"""Other search methods on the tables and limits of a search, saved as ``comparison.json``."""

from dataclasses import asdict, dataclass
from pathlib import Path

from helixnas.artifacts.files import write_json
from helixnas.search import Reference, SearchResult, compare_methods


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
    done, seconds = result.status == "optimal", result.seconds
    exact = Reference(method="exact search", answer=best, finished=done, num_architectures=0, seconds=seconds)
    others = compare_methods(result.instance, result.budget, seed=seed, time_limit_s=time_limit_s)
    return tuple(
        Row(
            method=found.method,
            score=None if found.answer is None else found.answer.score * 1e-12,
            excess=None if found.answer is None else (found.answer.score - best.score) * 1e-12,
            seconds=found.seconds,
            num_architectures=found.num_architectures,
            finished=found.finished,
        )
        for found in (exact, *others)
    )


def save_comparison(rows: tuple[Row, ...], path: Path, *, time_limit_s: float) -> None:
    """Write a comparison atomically."""
    write_json(path, {"time_limit_s": time_limit_s, "methods": [asdict(row) for row in rows]})
