"""A comparison end to end: resumable between trainings and inside one; what a change redoes, and what it says."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.peers.answers import from_text
from helixnas.artifacts.peers.record import PeerComparison
from helixnas.artifacts.run_folder import RunFolder
from helixnas.costs.config import CostsConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, Interrupted
from helixnas.experiments import comparison as comparing
from helixnas.experiments.comparison import compare_networks
from helixnas.experiments.comparison_plan import ComparisonPlan, plan_comparison
from helixnas.pipeline.recipe import Recipe

NAMES = ["winner", "test_efficientnet", "random 1"]


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Measure forward passes once, and write no page, which has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helixnas.pipeline.estimate.SECONDS_OF_PROBE", 0.0)
        patch.setattr(comparing, "build_report", lambda run: run / "report.html")
        yield


def plan_of(tiny: Recipe, folder: RunFolder, **others: Any) -> ComparisonPlan:
    asked = {"models": ("test_efficientnet",), "num_random": 1, "num_trainings": 2, "tolerance": 0.8, **others}
    return plan_comparison(tiny, folder, "small", **asked)


@pytest.fixture(scope="module")
def compared(tiny: Recipe, finished: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with a comparison; for reading only."""
    import shutil

    path = tmp_path_factory.mktemp("compared") / "run"
    shutil.copytree(finished.path, path)
    compare_networks(plan_of(tiny, RunFolder(path)), Reporter())
    return RunFolder(path)


@pytest.fixture
def own(compared: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it."""
    import shutil

    shutil.copytree(compared.path, tmp_path / "own")
    return RunFolder(tmp_path / "own")


def without_times(found: PeerComparison) -> PeerComparison:
    return replace(found, peers=tuple(replace(peer, seconds=()) for peer in found.peers))


def test_every_network_has_its_trainings_with_intervals_and_a_paired_difference(compared: RunFolder) -> None:
    found = PeerComparison.load(compared.peers("small"))
    assert [peer.name for peer in found.peers] == NAMES
    assert (found.num_left, found.num_images) == (0, 359)
    for peer in found.peers:
        right = np.stack([from_text(text, 359) for text in peer.right])
        assert right.shape == (2, 359)
        assert peer.kind == "model" or not np.array_equal(*right)  # another seed
        assert peer.accuracy is not None
        assert peer.accuracy.value == pytest.approx(right.mean())
        assert (peer.difference is None) == (peer.kind == "winner")
        assert len(peer.seconds) == 2
    assert not list(compared.path.glob("checkpoints/compare*"))


@pytest.mark.slow
def test_an_interrupted_comparison_ends_bit_for_bit_as_an_uninterrupted_one(
    compared: RunFolder, copy: RunFolder, tiny: Recipe, stopping: Any
) -> None:
    reporter = stopping("training networks", 5, 30, 100)
    for left in (6, 5, 2):
        with pytest.raises(Interrupted, match="everything so far is saved"):
            compare_networks(plan_of(tiny, copy), reporter)
        assert len(list(copy.path.glob("checkpoints/compare*"))) == 1
        assert PeerComparison.load(copy.peers("small")).num_left == left
    found = compare_networks(plan_of(tiny, copy), reporter)
    assert without_times(found) == without_times(PeerComparison.load(compared.peers("small")))
    assert any("training 6 of 6, epoch 1/1, loss" in shown for shown in reporter.shown)


@pytest.mark.slow
def test_a_finished_comparison_trains_nothing_and_further_networks_are_added(
    own: RunFolder, tiny: Recipe, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = PeerComparison.load(own.peers("small"))
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "Context", None)
        assert compare_networks(plan_of(tiny, own), listener) == before
    assert listener.said == [f"{own.peers('small')}: done already"]
    found = compare_networks(plan_of(tiny, own, models=("teacher", "test_efficientnet@48"), num_random=1), listener)
    assert {peer.name for peer in found.peers} == {*NAMES, "teacher", "test_efficientnet@48"}
    assert [peer.right for peer in found.peers if peer.name in NAMES] == [peer.right for peer in before.peers]
    assert "4 trainings of 1 epoch of batch 64: 21 steps; about" in listener.said[1]


def test_a_changed_setting_trains_all_again_and_is_named(own: RunFolder, tiny: Recipe, listener: Any) -> None:
    assert tiny.retrain is not None
    slower = replace(tiny, retrain=replace(tiny.retrain, fit=replace(tiny.retrain.fit, lr=0.02)))
    before = PeerComparison.load(own.peers("small"))
    found = compare_networks(plan_of(slower, own, models=(), num_trainings=1), listener)
    assert listener.said[:2] == [
        "re-training winner, random 1: retrain.fit.lr changed from 0.002 to 0.02",
        "removed from the comparison: test_efficientnet: retrain.fit.lr changed from 0.002 to 0.02",
    ]
    assert [peer.name for peer in found.peers] == ["winner", "random 1"]
    assert found.peers[0].right[0] != before.peers[0].right[0]


def test_another_winner_redoes_what_follows_from_it(own: RunFolder, tiny: Recipe, listener: Any) -> None:
    other = plan_of(tiny, own).candidates[2]
    assert other.architecture is not None
    (own.search("small") / "architecture.json").write_text(other.architecture.to_json())
    plan = plan_of(tiny, own, models=(), num_trainings=1)
    assert plan.macs == other.macs
    peers, lost = comparing.reused(plan, plan.earlier())
    assert "search small has another winner" in lost[0]
    assert [name for name, peer in peers.items() if peer.right] == ["winner"]  # it was random 1, trained alike


@pytest.mark.slow
def test_latency_is_measured_once_on_whole_networks(own: RunFolder, tiny: Recipe, listener: Any) -> None:
    how = CostsConfig(latency="pytorch-eager", num_rounds=2, num_threads=1)
    found = compare_networks(plan_of(tiny, own, latency=how), listener)
    assert listener.said == ["report: " + str(own.path / "report.html")]
    assert found.latency == {"latency": "pytorch-eager", "batch_size": 1, "num_threads": 1, "num_rounds": 2}
    assert all(peer.latency_ns and peer.latency_ns > 0 for peer in found.peers)
    assert compare_networks(plan_of(tiny, own, latency=how), listener) == found
    assert listener.said[1] == f"{own.peers('small')}: done already"


def test_a_model_that_cannot_be_trained_is_one_sentence(own: RunFolder, tiny: Recipe) -> None:
    assert tiny.retrain is not None
    dropping = replace(tiny, retrain=replace(tiny.retrain, drop_path_rate=0.1))
    plan = plan_of(dropping, own, models=("ghostnet_100",), num_random=0, num_trainings=1)
    with pytest.raises(ConfigError, match=re.escape("the model 'ghostnet_100' cannot be built: ")):
        compare_networks(plan, Reporter())
