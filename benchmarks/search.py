"""The exact search on the full Table 1 space (196 quadrillion architectures): time, ratios, growth, what exactness buys.

    python benchmarks/search.py                   # everything: about 40 minutes on a quiet machine
    python benchmarks/search.py --run runs/demo   # the real tables of a finished run, alone
    python benchmarks/search.py --seeds 1 one     # a part, small: one many front reason growth alg2 quality
    python benchmarks/search.py --quick           # whether it works: the first row of every part, once; no results

What is measured already is not measured again (``--state``, a file of rows), so an interrupted benchmark goes on. The page
and its plot (``--page``) are kept in benchmarks/results/ under the name of the machine.
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
    """Measure what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="left out: all")
    parser.add_argument("--quick", action="store_true", help="one row of every part, timed once, beside the results")
    parser.add_argument("--run", type=Path, help="folder of a finished run")
    parser.add_argument("--seeds", type=int, default=3, help="score tables per correlation")
    parser.add_argument("--state", type=Path, default=Path("runs/benchmarks/search.jsonl"))
    parser.add_argument("--page", type=Path, default=Path("runs/benchmarks/search.md"))
    parser.add_argument("--machine", default="this machine, nothing else running", help="what the page says of it")
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
    """Return all rows of a part, or only the first; of growth, the first of either kind, for its two plots."""
    found = list(rows)
    return found if not quick else found[:6:5] if part == "growth" else found[:1]


def load(state: Path) -> dict[tuple[str, str], dict[str, object]]:
    """Return the rows that were measured before; a line that was cut short is left out."""
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
