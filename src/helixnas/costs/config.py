"""CostsConfig: whether and how latency is measured; what can be counted is always counted."""

from dataclasses import dataclass

from helixnas.errors import ConfigError, UnknownNameError

RUNTIMES = ("pytorch-eager", "torch-compile", "onnxruntime-cpu", "pytorch-eager-cuda", "torch-compile-cuda")
"""What can run a network here and be timed."""


@dataclass(frozen=True, kw_only=True)
class CostsConfig:
    """Where the latencies of a run come from."""

    latency: str = ""
    """Measure on this device with pytorch-eager, torch-compile, onnxruntime-cpu or pytorch-eager-cuda; empty: do not."""

    latency_csv: str = ""
    """Take them from this filled-in CSV of another device instead; batch and image size are the file's."""

    batch_size: int = 1
    """Images per forward pass."""

    image_size: int = 0
    """Side of the image in pixels while measuring; 0 for that of the run."""

    num_threads: int = 0
    """CPU threads of the runtime; 0 leaves its choice."""

    num_rounds: int = 30
    """How often everything is timed; the median counts."""

    num_networks: int = 20
    """Random networks measured whole, to tell how far the sums are off; 0 leaves the check out."""

    def __post_init__(self) -> None:
        if self.latency and self.latency not in RUNTIMES:
            raise UnknownNameError("runtime", self.latency, RUNTIMES)
        if self.latency and self.latency_csv:
            raise ConfigError(
                "costs.latency and costs.latency_csv exclude each other: measure here, or read what another device took"
            )
        for name, least in (
            ("batch_size", 1), ("image_size", 0), ("num_threads", 0), ("num_rounds", 1), ("num_networks", 0)
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ConfigError(f"costs.{name} must be at least {least}, not {getattr(self, name)}")
