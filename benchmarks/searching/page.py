"""The page of results: the aims beside the measurements, every row, and the plot of growth."""

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from searching import instances
from searching.plot import write_plots

Rows = Mapping[tuple[str, str], Mapping[str, Any]]
Column = tuple[str, Callable[[Mapping[str, Any]], str]]


def write_page(rows: Rows, path: Path, *, machine: str) -> None:
    """Write the page, with the plot beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [_head(machine), _aims(rows)]
    for part, title, columns in TABLES:
        parts.append(_table(title, _of(rows, part), columns))
    if _of(rows, "growth"):
        plot = path.with_name(path.stem + "_growth.svg")
        write_plots(plot, _growth(_of(rows, "growth")), y="ms")
        parts.insert(-2, f"![Time of the optimum against candidates per block and blocks]({plot.name})\n")
    parts += [_run(rows, part) for part in dict.fromkeys(part for part, _ in rows) if part.startswith("run ")]
    path.write_text("\n".join(part for part in parts if part))


def _head(machine: str) -> str:
    names = ("numpy", "scipy", "pyarrow")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    words = " ".join((instances.__doc__ or "").split())
    return (
        "# The exact search: time, ratios, growth, what exactness buys\n\n"
        f"`python benchmarks/search.py{' '.join(['', *sys.argv[1:]])}`, {date.today():%Y-%m-%d}; {machine}, one thread; "
        f"Python {platform.python_version()}, {versions} (HiGHS comes with scipy).\n\n"
        f"{words}\n\nOptima agree with HiGHS to 1e-6 on every instance of the first two tables, or the benchmark stops. "
        "A limit lies between 20 % and 90 % of the way from the least there is to what the best architecture without "
        "limits costs. Times are medians of 9 repeats (HiGHS: 3) in one process; ratios are of times in the same run.\n\n"
        "What is timed. Build: blocks and instance from integer arrays in memory, with all their checks; reading files and "
        "turning scores into integers are not in it. Optimum: `solve` on an instance in memory, from the chain of what fits "
        "to the proven answer; neither front nor certificate. Build, optimum and front: both and the complete front over "
        "macs inside the limit. HiGHS: `solve_milp` on the same instance, from its sparse rows to an answer with a relative "
        "gap of 0, presolve on (off where a resource has limits on both sides, docs/log.md).\n"
    )


def _aims(rows: Rows) -> str:
    one, many, front = _of(rows, "one"), _of(rows, "many"), _of(rows, "front")
    growth, alg2 = list(_of(rows, "growth").values()), list(_of(rows, "alg2").values())
    lines = ["| what | aim | measured |", "|---|---|---|"]
    if one:
        every = [row["all_ms"] for row in one.values()]
        lines.append(
            "| one budget: instance from arrays, optimum and complete front | at most 60 ms | "
            f"{median(every):.1f} ms, worst {max(every):.1f} ms ({len(one)} instances) |"
        )
        lines.append(f"| one budget: optimum against HiGHS | at least 30 x | {_spread(one.values())} |")
    if many:
        lines.append(
            "| two and three budgets: proven optimum against HiGHS | faster on every instance, median at least 5 x | "
            f"{_spread(many.values())}; {sum(row['status'] == 'optimal' for row in many.values())} of {len(many)} "
            "proven |"
        )
    three = [row for name, row in front.items() if name.endswith("3 resources")]
    if three:
        points, seconds = [row["points"] for row in three], [row["s"] for row in three]
        peak, refused = max(row["peak_gib"] for row in three), sum(bool(row["refused"]) for row in three)
        lines.append(
            "| three-resource front | complete, at most 2 GiB, or refused with a resolution | "
            f"{min(points):,} to {max(points):,} points in {min(seconds):.2g} to {max(seconds):.2g} s, peak "
            f"{peak:.2f} GiB; {refused} of {len(three)} refused |"
        )
    if len(growth) > 8:
        candidates = _power([row for row in growth if row["blocks"] == 6 and row["candidates"] >= 10**4], "candidates")
        blocks = _power([row for row in growth if row["candidates"] == 1_000 and row["blocks"] >= 8], "blocks")
        lines.append(
            "| growth of the optimum's time | near linear in candidates | candidates to the power "
            f"{candidates:.2f} (from 10^4), blocks to the power {blocks:.2f} (from 8) |"
        )
    if alg2:
        done = sum(row["finished"] for row in alg2)
        whole = [row for name, row in _of(rows, "alg2").items() if name.endswith("whole space")]
        lines.append(
            "| Algorithm 2 as printed, 60 s | how many it finishes, and the ratio | "
            f"{done} of {len(alg2)}, {sum(row['finished'] for row in whole)} of {len(whole)} on the whole space; "
            f"median ratio {median(row['ratio'] for row in alg2):,.0f} (where it did not finish, of 60 s) |"
        )
    return "\n".join(lines) + "\n"


def _table(title: str, rows: Mapping[str, Mapping[str, Any]], columns: Sequence[Column]) -> str:
    if not rows:
        return ""
    lines = [
        f"## {title}\n",
        f"| instance | {' | '.join(name for name, _ in columns)} |",
        "|---" * (1 + len(columns)) + "|",
    ]
    lines += [f"| {name} | {' | '.join(show(row) for _, show in columns)} |" for name, row in rows.items()]
    return "\n".join(lines) + "\n"


def _run(rows: Rows, part: str) -> str:
    found = dict(_of(rows, part))
    scores = found.pop("scores", None)
    lines = [f"## The tables of a finished run: {part.removeprefix('run ')}\n"]
    if scores is not None:
        lines.append(f"{scores['architectures']:,} architectures. Scores as they were rated:\n")
        lines += [
            "| block | paths | spread of the score | noise of a score | rank correlation with macs |",
            "|---" * 5 + "|",
        ]
        for number, block in enumerate(scores["blocks"], start=1):
            noise = f"{block['noise']:.4f}" if "noise" in block else "one batch"
            lines.append(f"| {number} | {block['paths']:.0f} | {block['spread']:.4f} | {noise} | {block['rank']:.2f} |")
        lines.append(
            "\nSpread: standard deviation over paths. Noise: median standard error of a score over rating batches, after "
            "what all paths share on a batch is taken away.\n"
        )
    one = {name: row for name, row in found.items() if name.startswith("one")}
    two = {name: row for name, row in found.items() if name.startswith("two")}
    other = {name: row for name, row in found.items() if name.startswith("other")}
    columns = {part: columns for part, _, columns in TABLES}
    parts = [("one", one), ("many", two), ("quality", other)]
    return (
        "\n".join(lines)
        + "\n"
        + "\n".join(
            _table(f"{part}: as above", some, columns[part]).partition("\n")[2].lstrip() for part, some in parts if some
        )
    )


def _of(rows: Rows, part: str) -> dict[str, Mapping[str, Any]]:
    return {name: row for (each, name), row in rows.items() if each == part}


def _growth(rows: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, dict[str, list[tuple[float, float]]]]]:
    lines = {
        "optimum, one budget": "optimum_ms",
        "optimum, two budgets": "two_ms",
        "front over one resource": "front_ms",
    }
    panels = []
    for title, x, fixed in (
        ("6 blocks", "candidates", "blocks"),
        ("1,000 candidates per block", "blocks", "candidates"),
    ):
        some = [row for row in rows.values() if row[fixed] == (6 if fixed == "blocks" else 1_000)]
        some = sorted(some, key=lambda row, x=x: row[x])
        label = "candidates per block" if x == "candidates" else x
        panels.append((title, label, {name: [(row[x], row[key]) for row in some] for name, key in lines.items()}))
    return panels


def _power(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    x, y = np.log([row[name] for row in rows]), np.log([row["optimum_ms"] for row in rows])
    return float(np.polyfit(x, y, 1)[0])


def _spread(rows: Any) -> str:
    ratios = [row["ratio"] for row in rows]
    return f"median {median(ratios):.0f} x, from {min(ratios):.0f} to {max(ratios):.0f}"


def _ms(name: str, digits: int = 1) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: f"{row[name]:,.{digits}f}"


def _whole(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: f"{row[name]:,}"


def _excess(name: str, digits: int) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: "none found" if row[name] is None else f"{row[name]:.{digits}f}"


TABLES: tuple[tuple[str, str, tuple[Column, ...]], ...] = (
    (
        "one",
        "One budget",
        (
            ("build, ms", _ms("build_ms")),
            ("optimum, ms", _ms("optimum_ms")),
            ("points on the front", _whole("front")),
            ("build, optimum and front, ms", _ms("all_ms")),
            ("HiGHS, ms", _ms("highs_ms", 0)),
            ("HiGHS / optimum", _ms("ratio", 0)),
        ),
    ),
    (
        "many",
        "Several budgets",
        (
            ("optimum, ms", _ms("optimum_ms")),
            ("levels", _whole("levels")),
            ("partial architectures", _whole("partials")),
            ("HiGHS, ms", _ms("highs_ms", 0)),
            ("HiGHS / optimum", _ms("ratio", 0)),
            ("11 best, ms", _ms("eleven_ms", 0)),
            ("8 diverse, ms", _ms("diverse_ms", 0)),
        ),
    ),
    (
        "front",
        "Complete fronts without limits",
        (
            ("points", _whole("points")),
            ("s", _ms("s", 2)),
            ("peak memory of the process, GiB", _ms("peak_gib", 2)),
            ("rounded up to", lambda row: ", ".join(f"{k} {v:,}" for k, v in row["resolution"].items()) or "exact"),
        ),
    ),
    (
        "reason",
        "Budgets on three resources that nothing meets",
        (
            ("proof, ms", _ms("proof_ms")),
            ("proof and reason, ms", _ms("reason_ms")),
            ("least common factor", lambda row: "none" if row["factor"] is None else f"{row['factor']:.4f}"),
        ),
    ),
    (
        "growth",
        "Growth",
        (
            ("optimum, ms", _ms("optimum_ms")),
            ("two budgets, ms", _ms("two_ms")),
            ("front, ms", _ms("front_ms")),
            ("points", _whole("front")),
        ),
    ),
    (
        "alg2",
        "Algorithm 2 as printed, 60 s",
        (
            ("architectures", lambda row: f"{row['architectures']:.1e}"),
            ("finished", lambda row: "yes" if row["finished"] else "no"),
            ("s", _ms("s", 2)),
            ("score above the optimum", _excess("excess", 4)),
            ("exact search, ms", _ms("optimum_ms")),
            ("ratio", lambda row: f"{'' if row['finished'] else '> '}{row['ratio']:,.0f}"),
        ),
    ),
    (
        "quality",
        "What exactness buys: distance from the optimum, in standard deviations of the score of random architectures",
        (
            ("greedy", _excess("greedy per block", 2)),
            ("random, 10,000", _excess("random", 2)),
            ("evolutionary, 10,000", _excess("evolutionary", 2)),
            ("Algorithm 2, 10 s", _excess("Algorithm 2", 2)),
        ),
    ),
)
"""Part, title and columns of every table."""
