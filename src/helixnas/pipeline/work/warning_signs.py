"""Results that are valid and still rarely what was wanted: each is one plain sentence, logged and shown in the report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.files import read_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.pipeline.stage import RunContext
from helixnas.report.elements.intervals import wilson_interval
from helixnas.report.elements.wording import estimate_text
from helixnas.report.run.evidence import disagreements
from helixnas.search import Budget, SearchResult, Tables, readable, solve
from helixnas.search.evidence import evidence_beyond_size
from helixnas.space import Architecture, SearchSpace

ARCHITECTURE = "architecture.json"


def warned(context: RunContext, warnings: tuple[str, ...], prefix: str = "") -> dict[str, list[str]]:
    """Log warnings, and return them as facts of their stage, none where there are none."""
    for warning in warnings:
        context.reporter.say(f"warning: {prefix}{warning}")
    return {"warnings": list(warnings)} if warnings else {}


def position_warnings(space: SearchSpace, image_size: int) -> tuple[str, ...]:
    """Return a warning if the stem's learned positions are for images of another size than the run's."""
    total = 1
    for stage in space.stem:
        total *= stage.stride
        for operation in stage.path.operations:
            grid = operation.option("grid", 0) if operation.kind == "patch" else 0
            if isinstance(grid, int) and grid and grid != image_size // total:
                patches = image_size // total
                return (
                    f"positions are learned on a grid of {grid} x {grid} patches, but images of {image_size} pixels have "
                    f"{patches} x {patches}, so they are interpolated in every step; give space.image_size={image_size}",
                )
    return ()


def teacher_warnings(facts: Mapping[str, Any], num_classes: int) -> tuple[str, ...]:
    """Return a warning if the accuracy of a teacher may be that of guessing."""
    accuracy, number = facts.get("accuracy"), facts.get("num_evaluated")
    if accuracy is None or not number:
        return ()
    low, high = wilson_interval(float(accuracy), int(number))
    if low > 1 / num_classes:
        return ()
    return (
        f"the teacher is no better than guessing: {accuracy:.1%} of {number:,} images (95 % interval {low:.1%} to "
        f"{high:.1%}), where chance gives {1 / num_classes:.1%}; train it longer, or check labels and weights",
    )


def search_warnings(
    result: SearchResult, architecture: Architecture, teacher: Mapping[str, int], folder: RunFolder, *, name: str
) -> tuple[str, ...]:
    """Return the warnings about the result of a named search, which chose an architecture."""
    return (*_idle_budget(result), *_larger(result, teacher), *_same_answer(architecture, folder, name))


def evidence_warnings(tables: Tables, space: SearchSpace, scores: Sequence[str]) -> tuple[str, ...]:
    """Return a warning for each pair of added `scores`, learned and untrained, that agrees on nothing but size."""
    if not {*scores}.intersection(PROXIES):
        return ()
    known = {pair: each for pair, each in evidence_beyond_size(tables, space).items() if {*pair} <= {*scores}}
    return disagreements(known)


def calibration_warnings(left_out: Estimate, scores: Estimate) -> tuple[str, ...]:
    """Return a warning if the fit may not predict networks that it has not seen, or the trainings contradict the scores."""
    if left_out.interval[0] > 0:
        return _contradiction(scores)
    return (
        "calibrated scores may not predict networks that were left out (Kendall tau "
        f"{estimate_text(left_out)}), so do not search by them; train longer (--num-epochs) "
        "or more networks (--num-networks)",
    )


def _contradiction(scores: Estimate) -> tuple[str, ...]:
    if scores.value > 0:
        return ()
    return (
        "the trainings order their networks the other way round than the scores (Kendall tau "
        f"{estimate_text(scores)}): small networks learn fast and may still end worse, so do not "
        "search by calibrated scores; train longer (--num-epochs) or from the supernet's weights (--init inherited)",
    )


def rating_warnings(num_batches: int) -> tuple[str, ...]:
    """Return a warning if the scores have no standard error."""
    if num_batches > 1:
        return ()
    return (
        "all rating images are one batch, so differences of scores have no standard error; lower rating.batch_size or "
        "raise data.num_rating",
    )


def _idle_budget(result: SearchResult) -> Iterator[str]:
    """Yield a warning if the best network of the whole space meets the limits."""
    budget = result.budget
    if not budget.names or result.status != "optimal":
        return
    free = solve(result.instance, Budget()).best()
    if budget.allows(free.costs):
        has = ", ".join(" ".join(readable(resource, free.costs[resource])) for resource in budget.names)
        yield f"the limits ({budget.text}) change nothing: the best network of the whole space meets them ({has})"


def _larger(result: SearchResult, teacher: Mapping[str, int]) -> Iterator[str]:
    """Yield a warning if the chosen network costs more than the teacher."""
    costs = result.best().costs
    more = [name for name in ("params", "macs") if name in costs and name in teacher and costs[name] > teacher[name]]
    if more:
        figures = " and ".join(f"{costs[name]:,} {name} (teacher: {teacher[name]:,})" for name in more)
        yield f"the chosen network is larger than its teacher: {figures}; a budget such as max.{more[0]}=100% prevents it"


def _same_answer(architecture: Architecture, folder: RunFolder, name: str) -> Iterator[str]:
    """Yield a warning if other searches of the run chose the same network."""
    own, others = architecture.to_json(), [other for other in folder.search_names() if other != name]
    same = [other for other in others if _text(folder.search(other) / ARCHITECTURE) == own]
    if same:
        yield f"the chosen network is also that of search {' and '.join(same)}"


def _text(path: Path) -> str:
    return read_text(path) if path.is_file() else ""


def standard_errors_text(standard_errors: float) -> str:
    """Return a distance in standard errors, or a question mark where a single batch gives none.

    >>> standard_errors_text(2.71), standard_errors_text(float("nan"))
    ('2.7', '?')
    """
    return "?" if np.isnan(standard_errors) else f"{standard_errors:.1f}"
