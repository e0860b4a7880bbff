"""Tables of a search: the best architectures, diverse ones, and other methods beside the exact search."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.pipeline.ad_hoc.compare import Row
from helixnas.pipeline.work.search import Outcome
from helixnas.pipeline.work.warning_signs import standard_errors_text
from helixnas.search import Answer, SearchResult, distance, readable


def show_outcome(console: Console, name: str, outcome: Outcome, *, top: int) -> None:
    """Print the best architectures of a search and how sure the choice is."""
    result = outcome.result
    title = f"{name}: {result.budget.text}; {_proof(result)}"
    table = _table(title, result.instance.resources, "behind the best, in standard errors")
    behind = ["", *(standard_errors_text(other.standard_errors) for other in outcome.comparisons)]
    shown = result.answers[: max(1, top)]
    for answer, lead in zip(shown, [*behind, *("" for _ in shown)], strict=False):
        table.add_row(*_figures(answer), lead, answer.text)
    console.print(table)
    over = ", ".join(readable(name, 0)[0] for name in result.front.resources)
    steps = ", ".join(" in steps of ".join(readable(name, step)) for name, step in result.front.steps.items())
    front = f"{len(result.front):,} on the front over {over}{f' ({steps})' if steps else ''}"
    console.print(f"{front}, {result.seconds * 1000:.0f} ms", highlight=False)
    if outcome.latency is not None:
        say(console, outcome.latency.text)


def show_diverse(console: Console, name: str, result: SearchResult, *, min_distance: int) -> None:
    """Print answers that differ, and in how many layers each differs from those before it."""
    proof = "each proven the best at that distance" if result.status == "optimal" else "not proven"
    title = f"{name}: {len(result.answers)} answers that differ in {min_distance} layers or more, {proof}"
    table = _table(title, result.instance.resources, "layers that differ from those above, at least")
    for number, answer in enumerate(result.answers):
        apart = min((distance(result.instance, answer, other) for other in result.answers[:number]), default=None)
        table.add_row(*_figures(answer), "" if apart is None else str(apart), answer.text)
    console.print(table)


def show_comparison(console: Console, name: str, rows: Sequence[Row]) -> None:
    """Print the answers of other methods under the same limits."""
    figures = ("score", "above the best", "seconds", "evaluated")
    title = f"{name}: other methods on the same scores, costs and limits"
    table = figure_table(title, "method", *figures)
    table.add_column("finished")
    for row in rows:
        score = "none found" if row.score is None else f"{row.score:.5f}"
        above = "" if row.excess is None else f"{row.excess:.5f}"
        number = f"{row.num_architectures:,}" if row.num_architectures else ""
        table.add_row(row.method, score, above, f"{row.seconds:.3f}", number, "yes" if row.finished else "no")
    console.print(table)


def _table(title: str, resources: Sequence[str], last: str) -> Table:
    names = ("score", *(readable(name, 0)[0] for name in resources), last)
    columns = [Column(name, justify="right") for name in names]
    return Table(*columns, Column("architecture", overflow="fold"), title=title, title_justify="left")


def _figures(answer: Answer) -> list[str]:
    costs = (readable(name, cost, decimals=3)[1] for name, cost in answer.costs.items())
    return [f"{answer.score * 1e-12:.5f}", *costs]


def _proof(result: SearchResult) -> str:
    if result.status == "optimal":
        return f"proven best of {result.instance.size:,}"
    return f"the best found of {result.instance.size:,}, at most {100 * (result.gap or 0):.2g} % above the optimum"
