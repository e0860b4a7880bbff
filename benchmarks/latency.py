"""Summed latency against whole networks: the error on 20 random architectures of Table 1, per runtime.

Claim: the latencies of parts, timed alone, add up to the latency of the whole network. Setting: batch 1, 224 pixels, one CPU
thread, medians of 30 rounds in which parts and networks take turns. Run it on an idle machine: a network is preempted more
often than a part, so other work makes the sums look too low. The number of preemptions is printed. Give other runtimes as
arguments.
"""

import sys
import tempfile
import time
from pathlib import Path

from helixnas.costs import (
    CostsConfig,
    Input,
    Timing,
    compare,
    error_summary,
    error_text,
    latency_table,
    parts,
    random_networks,
    workloads_of,
)
from helixnas.costs.config import RUNTIMES
from helixnas.space import SearchSpace, mbconv

NETWORKS = 20


def main(runtimes: list[str]) -> None:
    """Print the error for every runtime, with predicted and measured latency of each network."""
    space, given = mbconv(), Input(image_size=224, num_classes=1000)
    for runtime in runtimes or ["pytorch-eager", "onnxruntime-cpu"]:
        _measure(space, given, CostsConfig(latency=runtime, num_threads=1, num_networks=NETWORKS))


def _measure(space: SearchSpace, given: Input, config: CostsConfig) -> None:
    networks = random_networks(space, config.num_networks, seed=0)
    found = parts(space, given)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        workloads = workloads_of(found, networks, given, batch_size=config.batch_size)
        timing = Timing(workloads, config=config, files=Path(folder))
        for record in timing:
            if record.done % 25 == 0:
                print(f"{config.latency}: {record.done} of {timing.num_steps}", file=sys.stderr)
    medians = timing.medians()
    table = latency_table(space, given, medians, facts={})
    pairs = compare(table, {network: medians[name] for name, network in networks.items()})
    for pair in pairs:
        print(
            f"{pair.predicted_ns / 1e6:8.2f} ms predicted {pair.measured_ns / 1e6:8.2f} ms measured "
            f"{100 * pair.error:+6.1f} %  {pair.architecture}"
        )
    print(
        f"{config.latency}: {error_text(error_summary(pairs), len(pairs))}; {len(found)} parts, "
        f"{timing.num_interruptions} interruptions in {config.num_rounds} rounds, "
        f"{time.perf_counter() - started:.0f} s in all"
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name not in RUNTIMES:
            sys.exit(f"unknown runtime {name!r}; known: {', '.join(RUNTIMES)}")
    main(sys.argv[1:])
