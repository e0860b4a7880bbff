"""The exact search on the full Table 1 space (196 quadrillion architectures): times, growth, and the gain over heuristics.

    python benchmarks/search.py                   # everything: about 40 minutes on an idle machine
    python benchmarks/search.py --run runs/demo   # only the real tables of a finished run
    python benchmarks/search.py --seeds 1 one     # a part, small: one many front reason growth alg2 quality
    python benchmarks/search.py --quick           # a smoke test: the first row of every part, timed once

Finished rows are saved (``--state``) and not measured again, so an interrupted benchmark resumes. Pages and plots
(``--page``) worth keeping are in benchmarks/results/ under the name of the machine.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from searching import measures
from searching.instances import check_costs
from searching.page import write_page

PARTS = {
    "one": measures.one_budget,
    "many": measures.many_budgets,
    "front": measures.fronts,
    "reason": measures.reasons,
    "growth": measures.growth,
    "alg2": measures.algorithm_2,
    "quality": measures.quality,
}


def main() -> None:
    """Measure the missing rows and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="parts to measure; all if not given")
    parser.add_argument("--quick", action="store_true", help="time one row of every part once, in files of its own")
    parser.add_argument("--run", type=Path, help="folder of a finished run")
    parser.add_argument("--seeds", type=int, default=3, help="score tables per correlation")
    parser.add_argument("--state", type=Path, default=Path("runs/benchmarks/search.jsonl"))
    parser.add_argument("--page", type=Path, default=Path("runs/benchmarks/search.md"))
    parser.add_argument("--machine", default="this machine, nothing else running", help="the machine, for the page")
    options = parser.parse_args()
    check_costs()
    if options.quick:
        measures.REPEATS, measures.HIGHS_REPEATS, measures.LIMIT_S, options.seeds = 1, 1, 2.0, 1
        options.state, options.page = (Path("runs/benchmarks", name) for name in ("quick.jsonl", "quick.md"))
        options.state.unlink(missing_ok=True)
    options.state.parent.mkdir(parents=True, exist_ok=True)
    rows = load(options.state)
    chosen = options.part or ([] if options.run else list(PARTS))
    work = [(part, *row) for part in chosen for row in first_of(PARTS[part](options.seeds), part, quick=options.quick)]
    if options.run is not None:
        work += [(f"run {options.run.name}", name, do) for name, do in measures.run_rows(options.run)]
    for part, name, do in work:
        if (part, name) in rows:
            continue
        started = time.perf_counter()
        rows[part, name] = dict(do())
        with options.state.open("a") as file:
            file.write(json.dumps([part, name, rows[part, name]]) + "\n")
        print(f"{part}: {name} ({time.perf_counter() - started:.1f} s)", flush=True)
    write_page(rows, options.page, machine=options.machine)
    print(f"wrote {options.page}")


def first_of(rows: measures.Work, part: str, *, quick: bool) -> list[tuple[str, Callable[[], measures.Row]]]:
    """Return all rows of a part, or if `quick` only the first; for growth, the first of each of its two plots."""
    found = list(rows)
    return found if not quick else found[:6:5] if part == "growth" else found[:1]


def load(state: Path) -> dict[tuple[str, str], dict[str, object]]:
    """Return the rows measured earlier, without a line that was cut off."""
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for line in state.read_text().splitlines() if state.is_file() else []:
        try:
            part, name, values = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[part, name] = values
    return rows


if __name__ == "__main__":
    main()
