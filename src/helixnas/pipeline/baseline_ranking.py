"""Baselines beside a run in its ranking: which there are, what the run cost, and the table on a terminal; without torch."""

from dataclasses import replace

from rich.console import Console
from rich.table import Table

from helixnas.artifacts import RunRecord
from helixnas.artifacts.baseline import Baseline
from helixnas.artifacts.comparison import Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.lab.comparison import RunCost, compare
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run_folder import RunFolder
from helixnas.report.baselines import COLUMNS, COST, accelerators, cells_of, title_of

MADE_BY = ("teacher", "distill", "rate")
"""The stages that scores come from."""

ON_PAGE = ("Spearman", "Pearson")
"""Columns that a terminal of 80 columns has no room for."""


def with_baselines(ranking: Ranking, folder: RunFolder, record: RunRecord, reporter: Reporter, *, seed: int) -> Ranking:
    """Return the ranking with every baseline of the run that rates networks of the benchmark.

    Args:
        ranking: of the run alone.
        folder: where the run lies.
        record: what it has finished.
        reporter: told which baselines are of another benchmark.
        seed: decides the resamples.

    Raises:
        ArtifactError: the file of a baseline is damaged.
    """
    known, found = set(ranking.networks["architecture"]), list[Baseline]()
    for file in sorted(folder.path.glob("baselines/*.json")):
        baseline = Baseline.load(file)
        if not known.issuperset(baseline.networks):
            reporter.say(
                f"{file} is left out: it rates networks of {baseline.benchmark}, which are not all in this benchmark"
            )
        elif baseline.points:
            found.append(baseline)
    if not found:
        return ranking
    with reporter.progress("comparing baselines", len(found)) as advance:
        comparisons = compare(
            ranking,
            found,
            cost=cost_of(record),
            num_resamples=ranking.num_resamples,
            seed=seed,
            advance=lambda done, total: advance(done, total=total),
        )
    return replace(ranking, baselines=comparisons)


def cost_of(record: RunRecord) -> RunCost:
    """Return what the scores of a run cost: its teacher, its supernet and its ratings, as far as that is recorded."""
    seconds = [record.stages[name].core_seconds if name in record.stages else None for name in MADE_BY]
    images = [
        record.stages[name].facts.get("images") if name in record.stages else None for name in ("teacher", "distill")
    ]
    shown = [number for number in images if isinstance(number, int)]
    spent = [each for each in seconds if each is not None]
    return RunCost(
        images_seen=sum(shown) if len(shown) == len(images) else None,
        core_seconds=sum(spent) if len(spent) == len(seconds) else None,
    )


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print a run and its baselines on the same networks as a table; what `ON_PAGE` names is on the page alone."""
    table = Table(title=title_of(comparison), title_justify="left")
    shown = [position for position, column in enumerate(COLUMNS) if column not in ON_PAGE]
    for position in shown:
        column, side = COLUMNS[position], "right" if position else "left"
        table.add_column(column, justify=side, overflow="fold", min_width=max(map(len, column.split())))
    previous = comparison.rows[0].kind if comparison.rows else ""
    for row in comparison.rows:
        if row.kind != previous:
            table.add_section()
        previous = row.kind
        cells = cells_of(row)
        table.add_row(*(cells[position] for position in shown))
    console.print(table)
    for text in (COST, accelerators(comparison)):
        if text:
            console.print(text, highlight=False, soft_wrap=True, markup=False)
