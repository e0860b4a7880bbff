"""CostsConfig: whether and how latency is measured; what can be counted is always counted."""

from collections.abc import Mapping
from typing import Annotated

from helixnas.errors import ConfigError
from helixnas.settings import Ge, OneOf, Unit, settings

RUNTIMES = ("pytorch-eager", "torch-compile", "onnxruntime-cpu", "pytorch-eager-cuda", "torch-compile-cuda")
"""Runtimes that can time a network on this machine."""

COUNTED = ("params", "macs", "flops", "activation_bytes")
"""Resources that are counted for every path."""

LIMITABLE: Mapping[str, int | None] = {**dict.fromkeys(COUNTED, 1), "latency_ns": None}
"""Resources that a search can limit, those with a number as shares of the teacher's, for `parse_limits`."""


@settings("costs")
class CostsConfig:
    """Where the latencies of a run come from."""

    latency: Annotated[str, OneOf(("", *RUNTIMES))] = ""
    """Runtime to measure latency with on this machine; empty to measure none."""

    latency_csv: str = ""
    """CSV file with latencies of another device, instead of measuring here; it also sets batch size and image size."""

    batch_size: Annotated[int, Ge(1), Unit("images")] = 1
    """Images per forward pass."""

    image_size: Annotated[int, Ge(0), Unit("pixels")] = 0
    """Image height and width while measuring; 0 for the run's."""

    num_threads: Annotated[int, Ge(0), Unit("threads")] = 0
    """CPU threads of the runtime; 0 for its default."""

    num_rounds: Annotated[int, Ge(1), Unit("rounds")] = 30
    """Timings of each part; the median counts."""

    num_networks: Annotated[int, Ge(0), Unit("networks")] = 20
    """Random networks measured whole, to compare with the sums of their parts; 0 to skip the check."""

    def __post_init__(self) -> None:
        if self.latency and self.latency_csv:
            raise ConfigError(
                "costs.latency and costs.latency_csv exclude each other: measure here, or read the timings of another device"
            )
