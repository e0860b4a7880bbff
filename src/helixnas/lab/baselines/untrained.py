"""Zero-cost proxies as a baseline: every network is scored untrained, so there is one point, before any training."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from helixnas.artifacts.baseline import BaselinePoint
from helixnas.engine import Stopwatch
from helixnas.lab.baselines.curve import BaselineRecord
from helixnas.proxies import Proxies


@dataclass(eq=False)
class Untrained:
    """Proxies of networks, with their cost."""

    proxies: Proxies

    def __post_init__(self) -> None:
        self.num_steps = len(self.proxies.architectures)
        self.rated_for = Stopwatch()

    def __iter__(self) -> Iterator[BaselineRecord]:
        """Yield a record per network until all are scored."""
        steps = iter(self.proxies)
        while self.proxies.done < self.num_steps:
            with self.rated_for.running():
                record = next(steps)
            yield BaselineRecord(record.done, "untrained")

    @property
    def points(self) -> list[BaselinePoint]:
        """The scores of all networks; empty until there are all."""
        if self.proxies.done < self.num_steps:
            return []
        shown = sum(len(batch.images) for batch in self.proxies.batches)
        return [
            BaselinePoint(
                epoch=0.0,
                images_seen=shown,
                seconds=0.0,
                core_seconds=0.0,
                rating_seconds=self.rated_for.seconds,
                rating_core_seconds=self.rated_for.core_seconds,
                scores={name: tuple(values) for name, values in self.proxies.values.items()},
            )
        ]

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume."""
        return {"proxies": self.proxies.state(), "rated_for": self.rated_for.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.proxies.restore(state["proxies"])
        self.rated_for.restore(state["rated_for"])
