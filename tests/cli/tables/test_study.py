"""The tables of a study on a terminal of 80 columns: a line per variant, nothing folded but a long name."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.cli.tables.study import show_study
from helixnas.experiments.study import StudyPlan

PLAN = StudyPlan(
    name="cells", description="", base="digits", axis="cells", ordered=False, variants=(), out=Path("studies/cells")
)


def near(value: float) -> Estimate:
    return Estimate(value, (value - 0.0625, value + 0.0625))


def shown(*rows: StudyRow, benchmark: str = "") -> list[str]:
    """Return the lines of a terminal of 80 columns."""
    console = Console(file=StringIO(), width=80)
    study = Study(
        name="cells",
        description="Several cells per block against one (Table 10), which is a description of more than a line.",
        base="digits",
        axis="cells",
        ordered=False,
        benchmark=benchmark,
        rows=rows,
    )
    show_study(study, PLAN, console)
    lines = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert max(map(len, lines)) <= 80
    return [" ".join(line.split()) for line in lines]


def row(label: str, *taus: float, seconds: float = 83.0) -> StudyRow:
    """Return a variant of these taus against stitched outputs and trained accuracy; of what is missing, none."""
    sizes = {"macs": near(-0.25), "params": near(0.125), "depth": near(0.5)}
    made = [
        Ranked(score="l1", kendall=near(tau), spearman=near(tau), partial=near(-0.125), sizes=sizes, num_networks=9)
        for tau in taus
    ]
    stitched, trained, *_ = [*made, None, None]
    picked = None if trained is None else Picked(accuracy=0.9, best=0.9375, regret=0.0125, random_regret=0.0625)
    return StudyRow(
        label=label, changes={}, run="", seconds=seconds, chosen="", stitched=stitched, trained=trained, picked=picked
    )


def test_a_variant_is_a_line_of_figures_beside_those_of_sizes() -> None:
    lines = shown(row("depth", -0.25), row("one cell", 0.75, seconds=43_000.0))
    at = lines.index("against stitched outputs")
    assert lines[at + 1] == "cells tau 95 % partial macs params depth time"
    assert lines[at + 3] == "depth −0.25 −0.31 to −0.19 −0.12 −0.25 0.12 0.50 1 min 23 s"  # noqa: RUF001
    assert lines[at + 4] == "one cell 0.75 0.69 to 0.81 −0.12 −0.25 0.12 0.50 11 h 56 min"  # noqa: RUF001
    assert "against trained accuracy" not in lines
    assert lines[-2:] == ["figures: studies/cells/study.json", "page: studies/cells/study.html"]


def test_with_a_benchmark_its_accuracies_have_tables_of_their_own() -> None:
    lines = shown(row("a variant of a name too long for its column", 0.25, -0.5), row("b", 0.5), benchmark="macro")
    assert lines.index("against stitched outputs") < lines.index("against trained accuracy")
    at = lines.index("picks among the networks of macro")
    assert lines[at + 1] == "cells pick (%) best (%) regret (points) of random picks"
    assert lines[at + 3].endswith("90.00 93.75 1.25 6.25")


def test_a_study_held_against_nothing_shows_what_took_how_long() -> None:
    lines = shown(row("a"), row("b"))
    assert lines[lines.index("against nothing") + 3] == "a 1 min 23 s"
