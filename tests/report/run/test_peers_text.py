"""A winner and its peers in words: the verdict follows the intervals."""

from dataclasses import replace
from typing import Any

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.peers.record import Peer, PeerComparison
from helixnas.report.run.peers_text import cells_of, columns_of, conditions, latency_text, winner_verdict


def peer(name: str, difference: tuple[float, float] | None, **others: Any) -> Peer:
    middle = None if difference is None else Estimate(sum(difference) / 2, difference)
    values: dict[str, Any] = {
        "kind": "random",
        "network": "a",
        "note": "",
        "key": name,
        "params": 1234,
        "macs": 2_500_000,
    }
    values |= {"latency_ns": None, "right": ("ff",), "seconds": (1.0,), "accuracy": Estimate(0.75, (0.5, 0.875))}
    return Peer(name=name, difference=middle, **{**values, **others})


@pytest.fixture
def found() -> PeerComparison:
    peers = (
        peer("winner", None, kind="winner"),
        peer("teacher", (0.01, 0.03), kind="teacher", network="small_resnet", note="not scaled, 3 x the multiply-adds"),
        peer("resnet18", (-0.03, -0.01), kind="model", note="width x 0.4"),
        peer("random 1", (-0.01, 0.03)),
    )
    settings = {"image_size": 16, "retrain": {"fit": {"num_epochs": 1}}}
    return PeerComparison(
        search="small",
        winner="a",
        budget="winner",
        macs=2_500_000,
        tolerance=0.03,
        num_trainings=1,
        num_images=8,
        asked=(),
        settings=settings,
        latency=None,
        peers=peers,
    )


def test_a_row_has_a_figure_with_its_interval_and_the_difference_in_points(found: PeerComparison) -> None:
    rows = [cells_of(found, one) for one in found.peers]
    assert rows[0] == ["winner", "\u2013", "75.0 % (50.0 to 87.5)", "\u2013", "1.23 k", "2.5 M"]
    assert rows[1][:4] == [
        "teacher (small_resnet)",
        "not scaled, 3 x the multiply-adds",
        "75.0 % (50.0 to 87.5)",
        "+2.0 (1.0 to 3.0)",
    ]
    assert rows[2][3] == "\u22122.0 (\u22123.0 to \u22121.0)"
    assert all(len(row) == len(columns_of(found)) for row in rows)


def test_latency_has_a_column_where_it_was_measured(found: PeerComparison) -> None:
    how = {"latency": "pytorch-eager", "batch_size": 1, "num_threads": 0, "num_rounds": 30}
    timed = replace(found, latency=how, peers=(replace(found.peers[0], latency_ns=1_250_000), found.peers[1]))
    assert [cells_of(timed, one)[-1] for one in timed.peers] == ["1.25 ms", "\u2013"]
    assert columns_of(timed)[-1] == "latency"
    assert latency_text(timed).startswith("Latency: pytorch-eager, batch 1 at 16 pixels, its default number of threads")
    assert latency_text(found) == ""


def test_the_verdict_follows_the_intervals(found: PeerComparison) -> None:
    assert winner_verdict(found) == (
        "The winner of small is better than resnet18, worse than teacher and not distinguishable from random 1 "
        "(95 % intervals of the difference)."
    )
    assert winner_verdict(replace(found, peers=found.peers[:2])).startswith(
        "The winner of small is worse than teacher ("
    )
    assert winner_verdict(replace(found, peers=found.peers[:1])) == ""


def test_the_conditions_say_what_the_intervals_cover(found: PeerComparison) -> None:
    once = conditions(found)
    assert "trained from scratch for 1 epoch on the same images at 16 pixels" in once
    assert "scaled in width to the winner's multiply-adds, 2,500,000;" in once
    assert "not the variation between trainings (--num-trainings 2 or more)" in once
    twice = replace(found, budget="limit", peers=(replace(found.peers[0], right=("ff", "fe")),))
    assert "estimated from all networks together, the variation between trainings" in conditions(twice)
    assert "the search's limit of multiply-adds" in conditions(twice)
