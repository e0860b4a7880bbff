"""The page of a study: one table, one figure, and honest sentences."""

from dataclasses import replace

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.report.study import cells, head, made, render_study, verdicts


def figures(tau: float, size: float = 0.1) -> Ranked:
    """Return figures with a tau and that of every size."""
    own = Estimate(tau, (tau - 0.05, tau + 0.05))
    sizes = {name: Estimate(size, (size - 0.1, size + 0.1)) for name in ("macs", "params", "depth")}
    return Ranked(score="relative_l1", kendall=own, spearman=own, partial=own, sizes=sizes, num_networks=40)


def row(label: str, stitched: Ranked | None, trained: Ranked | None = None) -> StudyRow:
    picked = None if trained is None else Picked(accuracy=0.9, best=0.95, regret=0.02, random_regret=0.05)
    return StudyRow(
        label=label, changes={}, run=f"variants/{label}", seconds=2.0, chosen="8:mb3_k3", stitched=stitched,
        trained=trained, picked=picked,
    )  # fmt: skip


def study(*rows: StudyRow, benchmark: str = "") -> Study:
    return Study(
        name="mine", description="Two.", base="digits", axis="seed", ordered=True, benchmark=benchmark, rows=rows
    )


def test_the_best_variant_is_certain_only_where_intervals_are_apart() -> None:
    assert verdicts(study(row("a", figures(0.5)), row("b", figures(0.3)))) == [
        "Against stitched outputs, seed a has the highest tau, 0.500 (0.450 to 0.550)."
    ]
    (told,) = verdicts(study(row("a", figures(0.5)), row("b", figures(0.48))))
    assert told.endswith("the intervals of b overlap with its own, so that is not certain.")


def test_a_size_that_ranks_as_well_as_the_score_is_named() -> None:
    found = verdicts(study(row("a", figures(0.5)), row("b", figures(0.3, size=0.3))))
    assert found[1] == "Against stitched outputs, size alone ranks at least as well as the score in: b (MACs 0.30)."


def test_a_row_stands_for_every_thing_that_a_score_is_held_against() -> None:
    found = study(row("a", figures(0.5), figures(0.4)), row("b", None, figures(0.3)), benchmark="bench")
    assert [each[:2] for each in cells(found)] == [
        ["a", "stitched outputs"], ["a", "trained accuracy"], ["b", "trained accuracy"],
    ]  # fmt: skip
    assert {len(each) for each in cells(found)} == {len(head(found))}
    assert [each[-3:] for each in made(found)] == [
        ["pick (%)", "regret (points)", "time"], ["90.00", "2.00", "2 s"], ["90.00", "2.00", "2 s"],
    ]  # fmt: skip


def test_the_page_holds_the_figure_and_the_table_and_needs_no_network() -> None:
    page = render_study(study(row("<a>", figures(0.5), figures(0.4)), row("b", figures(0.3)), benchmark="bench"))
    assert 'id="chart-study"' in page
    assert "&lt;a&gt;" in page
    assert "<td><a>" not in page
    assert "variants/b" in page
    assert 'src="http' not in page


def test_the_teacher_of_every_variant_is_told_with_its_accuracy_where_that_was_measured() -> None:
    found = study(replace(row("a", figures(0.5)), teacher_accuracy=0.98765), row("b", figures(0.3)))
    assert made(found) == [
        ["seed", "chosen network", "run", "its teacher (%)", "time"],
        ["a", "8:mb3_k3", "variants/a", "98.77", "2 s"],
        ["b", "8:mb3_k3", "variants/b", "", "2 s"],
    ]


def test_a_study_without_any_figure_says_what_is_missing() -> None:
    found = study(row("a", None), replace(row("b", None)))
    assert [each[1] for each in cells(found)] == ["nothing", "nothing"]
    assert {len(each) for each in cells(found)} == {len(head(found))}
    assert "No variant has figures" in render_study(found)
