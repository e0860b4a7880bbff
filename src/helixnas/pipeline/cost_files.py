"""The costs of a run: what was counted, and latency where it was measured, in one table and without torch."""

from collections.abc import Collection

from helixnas.artifacts import CostTable, RunRecord
from helixnas.errors import ConfigError
from helixnas.artifacts.run_folder import RunFolder

LATENCY = "latency_ns"
LATENCY_LIMITS = ("latency_ms", "latency_ns")
"""Names under which a search limits latency."""


def load_costs(folder: RunFolder, record: RunRecord) -> CostTable:
    """Return what is known of every path; raises `ArtifactError` where the latencies are those of another space."""
    costs = CostTable.load(folder.costs)
    stage = record.stages.get("latency")
    if stage is None or stage.missing(folder.path) is not None:
        return costs
    return costs.joined(CostTable.load(folder.latency))


def require_latency(asked: Collection[str], costs: CostTable, folder: RunFolder) -> None:
    """Raise `ConfigError` where a search asks for latency, which was not measured."""
    for name in LATENCY_LIMITS:
        if name in asked and LATENCY not in costs.resources:
            raise ConfigError(
                f"{name} is asked for, but latency was not measured in this run; measure it first, for example with: "
                f"helixnas costs {folder.path} --latency onnxruntime-cpu"
            )
