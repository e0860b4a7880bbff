"""How long calls take, compared fairly: in turn, again and again, the median of each."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

NUM_WARM_UPS = 2
"""Rounds before the first one that counts."""


def median_seconds(
    calls: Mapping[str, Callable[[], object]], *, min_seconds: float = 2.0, min_rounds: int = 5
) -> dict[str, float]:
    """Return the median duration of each call in seconds.

    The calls take turns, so a machine that becomes slower for a while slows all of them. Each must return when its
    work is done; see `wait_for`.

    Args:
        calls: what to time, by name.
        min_seconds: how long to measure all of them together, at least.
        min_rounds: how often to call each, at least.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(NUM_WARM_UPS):
        for call in calls.values():
            call()
    began = time.perf_counter()
    while time.perf_counter() - began < min_seconds or any(len(each) < min_rounds for each in times.values()):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def wait_for(device: torch.device) -> None:
    """Return when the device has done what it was asked to do."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
