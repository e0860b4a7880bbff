from .benchmarks import (
    DeviceTimings as DeviceTimings,
    export_benchmarks as export_benchmarks,
    read_timings as read_timings,
)
from .config import RUNTIMES as RUNTIMES, CostsConfig as CostsConfig
from .latency import (
    LATENCY as LATENCY,
    Measured as Measured,
    compare as compare,
    error_summary as error_summary,
    error_text as error_text,
    latency_table as latency_table,
    measure_network as measure_network,
    random_networks as random_networks,
)
from .measure import cost_table as cost_table
from .parts import Input as Input, Part as Part, parts as parts
from .runtimes import require_runtime as require_runtime
from .timing import EMPTY as EMPTY, Timing as Timing, TimingRecord as TimingRecord, workloads_of as workloads_of
