"""Costs of every path: counted (parameters, multiply-adds, FLOPs, memory) and measured (latency)."""

from helixnas.costs.benchmarks import DeviceTimings, export_benchmarks, read_timings
from helixnas.costs.config import RUNTIMES, CostsConfig
from helixnas.costs.latency import (
    LATENCY,
    Measured,
    compare,
    error_summary,
    error_text,
    latency_table,
    measure_network,
    random_networks,
)
from helixnas.costs.measure import COUNTED, cost_table
from helixnas.costs.parts import Input, Part, parts
from helixnas.costs.runtimes import require_runtime
from helixnas.costs.timing import EMPTY, Timing, TimingRecord, workloads_of

__all__ = [
    "COUNTED",
    "EMPTY",
    "LATENCY",
    "RUNTIMES",
    "CostsConfig",
    "DeviceTimings",
    "Input",
    "Measured",
    "Part",
    "Timing",
    "TimingRecord",
    "compare",
    "cost_table",
    "error_summary",
    "error_text",
    "export_benchmarks",
    "latency_table",
    "measure_network",
    "parts",
    "random_networks",
    "read_timings",
    "require_runtime",
    "workloads_of",
]
