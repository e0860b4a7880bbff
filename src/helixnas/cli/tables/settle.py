"""The moments at which a run was rated, and whether its scores have settled."""

import shlex

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.pipeline.ad_hoc.settle import Settling
from helixnas.report.elements.wording import interval_text, name_of, signed


def show_settling(found: Settling, folder: RunFolder, console: Console) -> None:
    """Print how the score of every moment agrees with that of the moment before, and what follows."""
    score, last = name_of(found.score), found.moments[-1]
    table = figure_table(
        f"{score} at every moment: agreement beyond size", "share of all steps", "partial Spearman", "95 %"
    )
    for one in found.moments:
        figures = [signed(one.agreement.value), interval_text(one.agreement.interval)] if one.agreement else ["", ""]
        table.add_row(f"{one.stop_at:g}", *figures)
    console.print(table)
    if found.is_settled:
        say(console, f"settled: at {last.stop_at:g} of all steps, {score} agrees with the moment before")
    else:
        say(
            console,
            f"warning: not settled at {last.stop_at:g} of all steps: {score} still changes, so it may be noise; raise --latest "
            "if it is below 1, or train longer (distill.num_epochs)",
        )
    say(console, f"search again with: helixnas search {shlex.quote(str(folder.path))}")
