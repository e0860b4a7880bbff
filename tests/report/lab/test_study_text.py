"""Tables and sentences of a study follow its figures."""

from collections.abc import Callable
from dataclasses import replace

from helixnas.artifacts.study import Ranked, Study, StudyRow
from helixnas.report.lab.study_text import cells, head, made, verdicts


def test_the_best_variant_is_certain_only_where_intervals_are_apart(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    assert verdicts(study(row("a", figures(0.5)), row("b", figures(0.3)))) == [
        "Against stitched outputs, seed a has the highest tau, 0.500 (0.450 to 0.550)."
    ]
    (told,) = verdicts(study(row("a", figures(0.5)), row("b", figures(0.48))))
    assert told.endswith("this is not certain, because the intervals of b overlap with it.")


def test_a_size_that_ranks_as_well_as_the_score_is_named(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    found = verdicts(study(row("a", figures(0.5)), row("b", figures(0.3, size=0.3))))
    assert found[1] == "Against stitched outputs, size alone ranks at least as well as the score in: b (MACs 0.30)."


def test_a_row_stands_for_every_thing_that_a_score_is_held_against(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    found = study(row("a", figures(0.5), figures(0.4)), row("b", None, figures(0.3)), benchmark="bench")
    assert [each[:2] for each in cells(found)] == [
        ["a", "stitched outputs"], ["a", "trained accuracy"], ["b", "trained accuracy"],
    ]  # fmt: skip
    assert {len(each) for each in cells(found)} == {len(head(found))}
    assert [each[-3:] for each in made(found)] == [
        ["pick (%)", "regret (points)", "time"], ["90.00", "2.00", "2 s"], ["90.00", "2.00", "2 s"],
    ]  # fmt: skip


def test_the_teacher_of_every_variant_is_told_with_its_accuracy_where_that_was_measured(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    found = study(replace(row("a", figures(0.5)), teacher_accuracy=0.98765), row("b", figures(0.3)))
    assert made(found) == [
        ["seed", "chosen network", "run", "its teacher (%)", "time"],
        ["a", "8:mb3_k3", "variants/a", "98.77", "2 s"],
        ["b", "8:mb3_k3", "variants/b", "", "2 s"],
    ]
