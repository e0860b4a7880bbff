"""The section of peers is on the page only where a winner was compared, and says when it is out of date."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.peers.record import Peer, PeerComparison
from helixnas.report.reading import read_run
from helixnas.report.run.peers import peers_section


@pytest.fixture
def run(begin: Callable[..., Any]) -> Any:
    made = begin()
    made.search("small", [(0.1, 0.01)])
    return made


def compare(run: Any, winner: str, *, asked: tuple[str, ...] = ()) -> None:
    peers = [
        Peer(
            name=name,
            kind=kind,
            network="a <b>",
            note="",
            key=name,
            params=1,
            macs=2,
            latency_ns=None,
            right=("f0",),
            seconds=(1.0,),
            accuracy=Estimate(0.5, (0.25, 0.75)),
            difference=None if kind == "winner" else Estimate(-0.25, (-0.5, -0.125)),
        )
        for name, kind in (("winner", "winner"), ("<i>resnet", "model"))
    ]
    PeerComparison(
        search="small",
        winner=winner,
        budget="winner",
        macs=2,
        tolerance=0.03,
        num_trainings=2,
        num_images=8,
        asked=asked,
        settings={"image_size": 16, "retrain": {"fit": {"num_epochs": 3}}},
        latency=None,
        peers=tuple(peers),
    ).save(run.folder / "searches" / "small" / "peers.json")


def test_without_a_comparison_there_is_no_section(run: Any) -> None:
    assert peers_section(read_run(run.folder)) is None


def test_the_table_has_a_row_per_network_below_the_verdict(run: Any) -> None:
    compare(run, read_run(run.folder).searches[0].architecture.text)
    made = peers_section(read_run(run.folder))
    assert made is not None
    assert "The winner of small is better than &lt;i&gt;resnet (95 % intervals" in made.body
    assert made.body.count("<tr>") == 3
    assert "<wbr>(\u221250.0 to \u221212.5)" in made.body
    assert "another winner" not in made.body
    assert "left" not in made.body


def test_another_winner_and_open_trainings_are_told(run: Any) -> None:
    compare(run, "8:mb3_k3", asked=("winner",))
    made = peers_section(read_run(run.folder))
    assert made is not None
    assert "The search small has another winner since; compare it again." in made.body
    assert "1 trainings are left" in made.body
