"""The file of a winner and its peers."""

import json
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.peers.record import Peer, PeerComparison
from helixnas.errors import ArtifactError


def peer(name: str, *right: str, **others: Any) -> Peer:
    values: dict[str, Any] = {"kind": "random", "network": "a", "note": "", "key": name, "params": 1, "macs": 2}
    values |= {"latency_ns": None, "seconds": (1.0,) * len(right), "accuracy": None, "difference": None}
    return Peer(name=name, right=right, **{**values, **others})


def comparison(*peers: Peer, **others: Any) -> PeerComparison:
    values: dict[str, Any] = {"search": "small", "winner": "a", "budget": "winner", "macs": 2, "tolerance": 0.03}
    values |= {"num_trainings": 2, "num_images": 8, "settings": {}, "latency": None}
    return PeerComparison(peers=peers, **{**values, "asked": tuple(one.name for one in peers), **others})


def test_a_comparison_comes_back_and_counts_the_trainings_left(tmp_path: Path) -> None:
    winner = peer("winner", "ff", "f0", kind="winner", accuracy=Estimate(0.75, (0.5, 0.875)), latency_ns=5)
    found = comparison(winner, peer("random 1", "0f"), peer("earlier"), asked=("winner", "random 1"))
    found.save(tmp_path / "peers.json")
    assert PeerComparison.load(tmp_path / "peers.json") == found
    assert found.num_left == 1


def test_answers_that_are_cut_short_are_damage(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    comparison(peer("winner", "ff")).save(file)
    file.write_text(json.dumps({**json.loads(file.read_text()), "num_images": 99}))
    with pytest.raises(ArtifactError, match="peers.json is .*remove it and run helixnas compare again"):
        PeerComparison.load(file)
