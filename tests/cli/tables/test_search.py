"""Tables of a search."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.tables.search import show_comparison, show_diverse, show_outcome
from helixnas.pipeline.ad_hoc.compare import compare_on
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.work.search import find_diverse
from helixnas.search.config import SearchConfig


def test_the_terminal_shows_answers_proof_and_methods(run: str) -> None:
    folder = RunFolder(Path(run))
    console = Console(file=StringIO(), width=200)
    ((name, outcome),) = search_run(folder, "shown", SearchConfig(max={"macs": "150%"}, front=("macs", "params")))
    show_outcome(console, name, outcome, top=3)
    show_diverse(console, name, find_diverse(folder, outcome, number=3, min_distance=1), min_distance=1)
    show_comparison(console, name, compare_on(outcome.result, seed=0, time_limit_s=10.0))
    said = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "proven best of 24" in said
    assert "on the front over macs, params" in said
    assert "answers that differ in 1 layers or more, each proven the best at that distance" in said
    assert said.count(outcome.architecture.text) >= 2
    assert "greedy per block" in said


def test_more_answers_than_runners_up_are_shown_without_a_lead(run: str) -> None:
    folder = RunFolder(Path(run))
    console = Console(file=StringIO(), width=200)
    ((name, outcome),) = search_run(folder, "wide", SearchConfig(max={"macs": "1M"}), num_best=14)
    show_outcome(console, name, outcome, top=14)
    said = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert all(f" {answer.text} " in said for answer in outcome.result.answers)
    assert len(outcome.result.answers) == 14
