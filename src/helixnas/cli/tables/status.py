"""The table of a run's stages: finished, half done or left."""

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.peers.record import PeerComparison
from helixnas.artifacts.run_folder import WORK, RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.cli.option_values import say
from helixnas.engine.timing import duration
from helixnas.errors import number_of
from helixnas.jobs.lease import Lease, leases_of
from helixnas.lab import load_benchmark
from helixnas.pipeline.plan import is_done, plan, reason_to_redo
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.search import RESULT
from helixnas.report.generations.text import SHORT, rows, verdicts
from helixnas.report.run.peers_text import winner_verdict


def show_status(recipe: Recipe, folder: RunFolder, console: Console) -> None:
    """Print every stage of a run with its state, time and main figures."""
    record = folder.load_record()
    columns = [Column(name, overflow="fold") for name in ("stage", "state", "seconds", "finished", "results")]
    columns[3].no_wrap = True
    table = Table(*columns, title=f"{folder.path} (recipe {record.recipe})", title_justify="left")
    left = 0
    planned = plan(recipe.to_dict(), record.contents)
    for stage in planned:
        found = record.stages.get(stage.name)
        if found is not None and is_done(stage, record, folder):
            facts = ", ".join(f"{k} {_short(v)}" for k, v in found.facts.items() if isinstance(v, int | float | str))
            table.add_row(stage.name, "done", f"{found.seconds:.1f}", _local(found.finished), facts)
            continue
        left += 1
        reason = reason_to_redo(stage, record, folder)
        half = folder.checkpoint(stage.name).is_file()
        table.add_row(stage.name, f"to redo: {reason}" if reason else "half done" if half else "to do", "", "", "")
    names = {stage.name for stage in planned}
    for name, found in record.stages.items():
        if name not in names and found.missing(folder.path) is None:
            table.add_row(name, "done", f"{found.seconds:.1f}", _local(found.finished), "not in the recipe")
    for name in folder.search_names():
        if folder.peers(name).is_file():
            table.add_row(f"compare:{name}", *_comparison(folder, name))
    console.print(table)
    if leases := leases_of(folder):
        console.print(_jobs_table(leases))
    to_do = f"{left} to do; continue with: {folder.resume_command}"
    say(console, to_do if left else f"all done; the report is {folder.report}")


def work_of_benchmark(path: Path) -> tuple[Path, RunFolder] | None:
    """Return the file of a benchmark that is being built, and the folder of its trainings; None if the path is not of one."""
    file = path.with_suffix("") if path.suffix == WORK else path
    work = file.with_name(f"{file.name}{WORK}")
    return (file, RunFolder(work)) if file.suffix == ".json" and work.is_dir() else None


def show_trainings(file: Path, work: RunFolder, console: Console) -> None:
    """Print how far a benchmark is, and the trainings that workers have or had."""
    done = load_benchmark(file) if file.is_file() else None
    numbers = [] if done is None else [len(network.accuracy) for network in done.networks]
    if leases := leases_of(work):
        console.print(_jobs_table(leases))
    trained = f"{number_of(sum(numbers), 'training')} of {number_of(len(numbers), 'network')}"
    say(console, f"{file}: done: {trained}; the same command continues")


def _jobs_table(leases: Sequence[Lease]) -> Table:
    """Return the jobs that workers have or had, with their last sign of life."""
    table = Table("job", "state", "worker", "attempt", "last heartbeat", "reason", title="jobs", title_justify="left")
    for lease in leases:
        lost = lease.state == "running" and not lease.is_alive
        state = "lost" if lost else lease.state
        age = f"{duration(max(0.0, time.time() - lease.heartbeat))} ago"
        table.add_row(lease.job, state, lease.worker, str(lease.number), age, lease.reason)
    return table


def _comparison(folder: RunFolder, name: str) -> tuple[str, str, str, str]:
    """Return state, seconds, time and figures of a search's winner beside its peers."""
    found = PeerComparison.load(folder.peers(name))
    state = f"{found.num_left} trainings left" if found.num_left else "done"
    if found.winner != SearchRecord.load(folder.search(name) / RESULT).architecture:
        state = f"to redo: search {name} has another winner"
    seconds = sum(sum(peer.seconds) for peer in found.peers)
    finished = datetime.fromtimestamp(folder.peers(name).stat().st_mtime).astimezone().isoformat()
    return state, f"{seconds:.1f}", _local(finished), winner_verdict(found)


def _local(moment: str) -> str:
    """Return a time of ISO 8601 as one of this machine, to the minute."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"


def _short(value: int | float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def show_generations(folder: LineageFolder, console: Console) -> None:
    """Print every generation with its figures, without their intervals, and how to continue."""
    lineage, runs = folder.load(), folder.runs()
    columns = [Column(title, justify="right") for title in SHORT]
    table = Table(*columns, title=f"{folder.path} (recipe {lineage.recipe})", title_justify="left")
    for row in rows(lineage):
        table.add_row(*(row[place].partition(" (")[0] for place in SHORT.values()))
    console.print(table)
    for number, run in enumerate(runs[len(lineage.generations) :], start=len(lineage.generations) + 1):
        say(console, f"generation {number} is not finished: helixnas status {run.path}")
    for verdict in verdicts(lineage):
        say(console, verdict)
    say(console, f"the report is {folder.report}" if lineage.reason else f"continue with: {folder.resume_command}")
