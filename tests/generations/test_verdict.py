"""The stop rule, case by case."""

from collections.abc import Callable

import pytest

from helixnas.artifacts.lineage import Generation, Lineage
from helixnas.generations.verdict import reason_to_stop
from helixnas.pipeline.generations_config import StopConfig

Make = Callable[..., Generation]


@pytest.mark.parametrize(
    ("figures", "number", "starts"),
    [
        ([(None, 0.5)], 3, ""),
        (
            [(None, 0.5), (0.95, 0.5)],
            3,
            "settled: the scores of generations 1 and 2 agree (Kendall tau 0.950, at least 0.9)",
        ),
        ([(None, 0.5), (0.95, 0.4)], 3, "settled"),
        ([(None, 0.5), (0.95, 0.6)], 3, ""),
        ([(None, 0.5), (0.5, 0.4)], 3, ""),
        ([(None, 0.5), (0.5, 0.4)], 2, "all 2 generations are done"),
        ([(None, 0.7), (0.5, 0.4), (0.95, 0.6)], 4, "settled"),
        ([(None, None), (0.95, None)], 3, "settled"),
        ([(None, None), (0.5, None)], 3, ""),
    ],
)
def test_generations_stop_where_scores_agree_and_the_winner_is_no_better(
    generation: Make, figures: list[tuple[float | None, float | None]], number: int, starts: str
) -> None:
    ones = [generation(k, tau=tau, quality=quality) for k, (tau, quality) in enumerate(figures, start=1)]
    lineage = Lineage(recipe="mine", number=number, search="small", generations=tuple(ones))
    reason = reason_to_stop(lineage, StopConfig())
    assert reason.startswith(starts)
    assert bool(reason) == bool(starts)


def test_the_reason_names_what_was_compared(generation: Make) -> None:
    ones = (generation(1, quality=0.5), generation(2, tau=0.95, quality=0.4))
    reason = reason_to_stop(Lineage(recipe="mine", number=3, search="small", generations=ones), StopConfig())
    assert reason.endswith(
        "and generation 2 is worse than generation 1: 40.00 % (30.00 to 50.00) against 50.00 % (40.00 to 60.00), "
        "which may be chance"
    )


def test_a_threshold_of_one_never_stops_early(generation: Make) -> None:
    ones = (generation(1, quality=0.5), generation(2, tau=1.0, quality=0.5))
    lineage = Lineage(recipe="mine", number=3, search="small", generations=ones)
    assert reason_to_stop(lineage, StopConfig(tau=1.0)) == ""
    assert reason_to_stop(lineage, StopConfig()) != ""
