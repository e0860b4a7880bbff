"""Baselines beside a run in its ranking: which there are, what the run cost, and the table on a terminal; without torch."""

from dataclasses import replace

from rich.console import Console

from helixnas.artifacts import RunRecord
from helixnas.artifacts.baseline import Baseline
from helixnas.artifacts.comparison import Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.lab.comparison import RunCost, compare
from helixnas.pipeline.narrow_table import narrow_table
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run_folder import RunFolder
from helixnas.report.elements.wording import signed
from helixnas.report.lab.baseline_text import COST, accelerators, cells_of, title_of

MADE_BY = ("teacher", "distill", "rate")
"""The stages that scores come from."""

COLUMNS = ("what ranks", "epochs", "images", "core-s", "tau", "95 %", "partial")
"""Heads of the table on a terminal."""

PARTIAL = (
    "tau: Kendall's tau-b; partial: Spearman's rho that is left when MACs, parameters and depth are held fixed, its interval "
    "on the page."
)


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
    """Print a run and its baselines on the same networks, a line each at 80 columns; the page has every interval."""
    table = narrow_table(title_of(comparison), *COLUMNS)
    previous = comparison.rows[0].kind if comparison.rows else ""
    for row in comparison.rows:
        if row.kind != previous:
            table.add_section()
        previous = row.kind
        name, epochs, images, core_seconds, *_ = cells_of(row)
        low, high = row.agreement.kendall_interval
        interval = f"{signed(low, 3)} to {signed(high, 3)}"
        beyond = "" if row.kind == "size" else signed(row.partial.value, 3)
        table.add_row(name, epochs, images, core_seconds, signed(row.agreement.kendall, 3), interval, beyond)
    console.print(table)
    for text in (PARTIAL, COST, accelerators(comparison)):
        if text:
            console.print(text, highlight=False, soft_wrap=True, markup=False)
