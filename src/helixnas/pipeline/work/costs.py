"""Work of the costs and latency stages: costs counted on the meta device; latency measured here or read from a CSV."""

from pathlib import Path
from typing import Any

import torch

from helixnas.artifacts import CostTable
from helixnas.artifacts.files import remove, write_json
from helixnas.costs import (
    CostsConfig,
    DeviceTimings,
    Input,
    Timing,
    compare,
    cost_table,
    error_summary,
    error_text,
    latency_table,
    parts,
    random_networks,
    read_timings,
    workloads_of,
)
from helixnas.engine.job import run_job
from helixnas.pipeline.context import Context
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.warning_signs import position_warnings, warned

INTERRUPTIONS_PER_ROUND = 20
"""More preemptions than this per round mean that other work disturbed the measurement."""


def count_costs(context: Context, key: str, search: str) -> Result:
    """Count the costs of every path: parameters, multiply-adds, the paper's FLOPs, activation memory."""
    table = cost_table(context.space, image_size=context.image_size, num_classes=context.num_classes)
    table.save(context.folder.costs)
    warnings = warned(context, position_warnings(context.space, context.image_size))
    return Result(("costs.parquet",), {"rows": len(table), **table.facts, **warnings})


def measure_latency(context: Context, key: str, search: str) -> Result:
    """Fill in ``latency_ns`` of every path, and compare the sums with whole networks."""
    config, counted = context.recipe.costs, CostTable.load(context.folder.costs)
    if config.latency_csv:
        timings = read_timings(Path(config.latency_csv), context.space, num_classes=int(counted.facts["num_classes"]))
        conditions: dict[str, Any] = {"runtime": config.latency_csv, "measured_here": False}
    else:
        timings, conditions = _time_here(context, key, config, counted)
    given = input_of(counted, timings.image_size)
    origin = {"latency_runtime": conditions["runtime"], "latency_batch_size": timings.batch_size}
    table = latency_table(context.space, given, timings.times, facts={**origin, "latency_image_size": given.image_size})
    networks = compare(table, timings.networks)
    error = error_summary(networks)
    table.save(context.folder.latency)
    conditions |= {
        "batch_size": timings.batch_size,
        "image_size": timings.image_size,
        "num_classes": given.num_classes,
        "in_chans": given.in_chans,
        "num_parts": len(timings.times) - 1,
    }
    rows = [
        {"architecture": n.architecture, "predicted_ns": n.predicted_ns, "measured_ns": n.measured_ns} for n in networks
    ]
    write_json(context.folder.latency_report, {**conditions, "error": error, "networks": rows})
    context.reporter.say(error_text(error, len(networks)))
    shown = {f"{name} error": value for name, value in error.items() if name != "bias"}
    facts = {"runtime": conditions["runtime"], "parts": len(timings.times) - 1, **shown}
    return Result(("costs/latency.parquet", "costs/latency.json"), facts)


def _time_here(
    context: Context, key: str, config: CostsConfig, counted: CostTable
) -> tuple[DeviceTimings, dict[str, Any]]:
    given = input_of(counted, config.image_size)
    networks = random_networks(context.space, config.num_networks, seed=context.recipe.seed)
    files = context.folder.path / "checkpoints" / f"latency-{key}"
    workloads = workloads_of(parts(context.space, given), networks, given, batch_size=config.batch_size)
    job = Timing(workloads, config=config, files=files)
    with context.reporter.progress("measuring latency", job.num_steps) as advance:
        run_job(
            job,
            checkpoint=context.folder.checkpoint("latency"),
            key=key,
            device=torch.device("cpu"),
            log=lambda record: advance(record.done, record.note),
            watch=context.watch,
        )
    remove(files)
    medians = job.medians()
    if job.num_interruptions > INTERRUPTIONS_PER_ROUND * config.num_rounds:
        context.reporter.say(
            f"the process was preempted {job.num_interruptions:,} times while latency was measured; latencies may be too high; "
            "measure again with --again when the machine is idle"
        )
    conditions = {
        "runtime": config.latency,
        "measured_here": True,
        "device": torch.cuda.get_device_name() if config.latency.endswith("-cuda") else "cpu",
        "num_threads": config.num_threads or torch.get_num_threads(),
        "num_rounds": config.num_rounds,
        "num_interruptions": job.num_interruptions,
    }
    timings = DeviceTimings(
        batch_size=config.batch_size,
        image_size=given.image_size,
        times={name: taken for name, taken in medians.items() if name not in networks},
        networks={network: medians[name] for name, network in networks.items()},
    )
    return timings, conditions


def input_of(counted: CostTable, image_size: int) -> Input:
    """Return the input for which costs were counted, at another image size unless that is 0."""
    facts = counted.facts
    return Input(
        image_size=image_size or int(facts["image_size"]),
        num_classes=int(facts["num_classes"]),
        in_chans=int(facts["in_chans"]),
    )
