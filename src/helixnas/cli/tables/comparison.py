"""A comparison with other networks: its dry run, and its table."""

from pathlib import Path

from rich.console import Console

from helixnas.artifacts.peers.record import PeerComparison
from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.engine.timing import duration
from helixnas.experiments.comparison import forward_seconds, reused, seconds_left
from helixnas.experiments.comparison_plan import ComparisonPlan
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.stages.wording import retrain_text
from helixnas.report.elements.wording import count
from helixnas.report.run.peers_text import cells_of, columns_of, latency_text, winner_verdict

SHORT = {"difference to the winner": "difference", "parameters": "params"}
"""Column titles that are shorter on a terminal."""


def show_plan(plan: ComparisonPlan, console: Console) -> None:
    """Print the networks of a comparison, their sizes, what is left, and how long it will take; needs no data."""
    check_batch_norm(plan.recipe, ("retrain",))
    table = figure_table(
        f"search {plan.search}, {count(plan.macs)} multiply-adds", "network", "parameters", "MACs", "scaled"
    )
    for one in plan.candidates:
        name = one.name if one.kind == "model" else f"{one.name} ({one.network})"
        table.add_row(name, f"{one.params:,}", f"{one.macs:,}", one.note)
    console.print(table)
    if few := plan.fewer():
        say(console, few)
    peers, lost = reused(plan, plan.earlier())
    for text in lost:
        say(console, text)
    images, retraining = plan.recipe.expected_training_images, plan.recipe.retraining
    left = len(plan.left(peers))
    say(console, f"{left} trainings to do, each: {retrain_text(retraining, retraining.fit, images)}")
    if not left:
        return
    if images <= 0:
        say(console, "time: not known, since expected_images of the run is 0; it is shown before training begins")
        return
    seconds = duration(seconds_left(plan, peers, forward_seconds(plan), images))
    say(console, f"estimated time on this machine, from forward passes of the networks: {seconds}")


def show_comparison(found: PeerComparison, file: Path, console: Console) -> None:
    """Print the table of a comparison and its winner_verdict."""
    title = f"search {found.search}: trained alike, {found.num_images:,} evaluation images, 95 % intervals"
    first, _, *others = columns_of(found)
    table = figure_table(title, first, *(SHORT.get(name, name) for name in others), narrow=True)
    for peer in found.peers:
        name, _, *figures = cells_of(found, peer)
        table.add_row(f"{name}: {peer.note}" if peer.note else name, *figures)
    console.print(table)
    for text in filter(None, (winner_verdict(found), latency_text(found))):
        say(console, text)
    say(console, f"figures: {file}")
