"""Latency of every path as a sum over its parts, and the error of such sums against whole networks.

The overhead of a call, measured on an empty network, is subtracted from every part and added once, with the stem.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.cost_table import LATENCY, CostTable
from helixnas.costs.config import CostsConfig
from helixnas.costs.parts import Input, Part, fill_table
from helixnas.costs.timing import EMPTY, Timing, whole
from helixnas.space import Architecture, SearchSpace


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One network, predicted and measured."""

    architecture: str
    predicted_ns: int
    measured_ns: int

    @property
    def error(self) -> float:
        """Relative error of the prediction; negative if it is too low."""
        return self.predicted_ns / self.measured_ns - 1.0


def random_networks(space: SearchSpace, number: int, *, seed: int) -> dict[str, Architecture]:
    """Return distinct random architectures by the names of their workloads.

    >>> from helixnas.space import macro
    >>> list(random_networks(macro(), 2, seed=0))
    ['network-01', 'network-02']
    """
    rng = np.random.default_rng(seed)
    drawn = dict.fromkeys(space.sample(rng) for _ in range(number))
    return {f"network-{position:02}": architecture for position, architecture in enumerate(drawn, start=1)}


def latency_table(
    space: SearchSpace, given: Input, times: Mapping[str, int], *, facts: Mapping[str, int | float | str]
) -> CostTable:
    """Return ``latency_ns`` of every path from the nanoseconds of every part and of `EMPTY`, by name.

    The table stores `facts`, the conditions of the measurement.
    """
    empty = times[EMPTY]

    def cost(part: Part) -> tuple[int]:
        return (max(0, times[part.name] - empty) + (empty if part.kind == "stem" else 0),)

    return fill_table(space, given, (LATENCY,), cost, facts=facts)


def compare(table: CostTable, measured: Mapping[Architecture, int]) -> tuple[Measured, ...]:
    """Return the predicted and measured nanoseconds of whole networks."""
    return tuple(
        Measured(architecture=network.text, predicted_ns=table.of(network)[LATENCY], measured_ns=taken)
        for network, taken in measured.items()
    )


def error_summary(networks: Sequence[Measured]) -> dict[str, float]:
    """Return the relative errors: median and maximum of the absolute, and the signed median; empty for no networks.

    >>> pairs = [(100, 100), (90, 100), (150, 100)]
    >>> error_summary([Measured(architecture="", predicted_ns=p, measured_ns=m) for p, m in pairs])["worst"]
    0.5
    """
    if not networks:
        return {}
    errors = np.array([network.error for network in networks])
    absolute = np.abs(errors)
    return {"median": float(np.median(absolute)), "worst": float(absolute.max()), "bias": float(np.median(errors))}


def error_text(error: Mapping[str, Any], number: int) -> str:
    """Describe the errors of summed latency.

    >>> error_text({"median": 0.03125, "worst": 0.125, "bias": -0.03125}, 20)
    'error of summed latency on 20 random networks: 3.1 % (median), 12.5 % (worst), mostly too low'
    """
    if not error:
        return "no whole network was measured, so the error of summed latency is unknown"
    side = "too high" if error["bias"] > 0 else "too low" if error["bias"] < 0 else "neither high nor low"
    return (
        f"error of summed latency on {number} random networks: {100 * error['median']:.1f} % (median), "
        f"{100 * error['worst']:.1f} % (worst), mostly {side}"
    )


def measure_network(architecture: Architecture, given: Input, config: CostsConfig) -> int:
    """Return the median nanoseconds of one whole network on this device, with the batch size and runtime of `config`."""
    with tempfile.TemporaryDirectory(prefix="helixnas-") as folder:
        job = Timing([whole("network", architecture, given, config.batch_size)], config=config, files=Path(folder))
        for _ in job:
            pass
    return job.medians()["network"]
