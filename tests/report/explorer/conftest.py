"""Runs whose scores and costs often tie, and the search that the explorer has to agree with."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import InfeasibleBudgetError
from helixnas.pipeline.work.search import find_in_run, load_tables, teacher_costs
from helixnas.search.amounts import UNITS
from helixnas.search.config import SearchConfig

Search = Callable[[Mapping[str, int]], str]
OPTIONS = {resource: (option, unit) for option, (resource, unit) in UNITS.items()}


@pytest.fixture
def tied(begin: Callable[..., Any]) -> Any:
    """Return a rated run with costs and latencies, in which many networks have equal scores and costs."""
    run = begin()
    run.teacher()
    run.rate(num_batches=2, digits=1)
    run.costs(most=4, latency=True)
    run.latency(measured_here=False)
    return run


@pytest.fixture
def searching(tmp_path: Path) -> Callable[[Any], Search]:
    """Return a function that makes, for a run, what `helixnas search` does: the winner under limits, or "" for none."""

    def searching(run: Any, **settings: Any) -> Search:
        folder, space = RunFolder(run.folder), run.space
        record = folder.load_record()
        tables, teacher = load_tables(folder, record), teacher_costs(record)

        def search(limits: Mapping[str, int]) -> str:
            options = {name: OPTIONS.get(name, (name, 1)) for name in limits}
            written = {options[name][0]: limits[name] / options[name][1] for name in limits}
            config = SearchConfig(max=written, **settings)
            try:
                return find_in_run(config, space, tables, teacher, folder, name="asked").architecture.text
            except InfeasibleBudgetError:
                return ""

        return search

    return searching
