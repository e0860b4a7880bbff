"""PeerComparison: the winner of a search beside other networks of its size, all trained alike.

Its file is ``searches/NAME/peers.json`` of a run; it is complete after every training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.peers.answers import from_text
from helixnas.artifacts.record import Record


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One network of a comparison and its trainings so far."""

    name: str
    """``winner``, ``teacher``, ``random 1``, or the name of a timm model."""

    kind: Literal["winner", "model", "teacher", "random"]
    network: str
    """Text form of a network of the space; name and width of a timm model."""

    note: str
    """How it was brought to the budget, in words; empty for networks of the space."""

    key: str
    """Hash of the network and of the settings of its training."""

    params: int
    macs: int
    """Multiply-adds of one image."""

    latency_ns: int | None
    """Nanoseconds of one forward pass, the network measured whole; None where it was not measured."""

    right: tuple[str, ...]
    """Per training, which evaluation images it classifies right (`answers.to_text`)."""

    seconds: tuple[float, ...]
    """Per training, wall-clock time, of the process that finished it."""

    accuracy: Estimate | None
    """Mean top-1 accuracy, 0 .. 1, with its 95 % interval; None before the first training."""

    difference: Estimate | None
    """Its accuracy minus the winner's, with its 95 % interval; None for the winner, and before both are trained."""


@dataclass(frozen=True, kw_only=True)
class PeerComparison(Record):
    """The winner of a search, which comes first, and its peers."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas-peers", 1)
    MEND: ClassVar[str] = "remove it and run helixnas compare again"

    search: str
    winner: str
    """Text form of the winner when the comparison was made."""

    budget: Literal["winner", "limit"]
    """Whether networks are scaled to the winner's multiply-adds or to the limit of the search."""

    macs: int
    """The budget: multiply-adds of one image."""

    tolerance: float
    """Relative difference from the budget within which random networks were drawn."""

    num_trainings: int
    """Trainings of every network that were asked for, with consecutive seeds."""

    num_images: int
    """Evaluation images, the same for all networks."""

    asked: tuple[str, ...]
    """Names of the networks that were last asked for; others are from earlier calls."""

    settings: Mapping[str, Any]
    """Settings that all trainings share, to name what changed."""

    latency: Mapping[str, Any] | None
    """How latency was measured; None where it was not."""

    peers: tuple[Peer, ...]

    def __post_init__(self) -> None:
        for peer in self.peers:
            for text in peer.right:
                from_text(text, self.num_images)

    @property
    def num_left(self) -> int:
        """Trainings that were asked for and are not finished."""
        wanted = [peer for peer in self.peers if peer.name in self.asked]
        return sum(max(0, self.num_trainings - len(peer.right)) for peer in wanted)
