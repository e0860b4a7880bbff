"""Commands search and verify: the best architecture under budgets, and the check of its certificate."""

from argparse import Namespace
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import LIMIT, amounts, number, say, whole_number, words
from helixnas.errors import ArtifactError, ConfigError
from helixnas.pipeline.stages.search import SEARCH


def _add_search_options(parser: Parser) -> None:
    parser.option("run", metavar="RUN", help="the folder of a run")
    parser.option("--name", help="which search; all of the recipe's if not given")
    parser.option(
        "--max",
        metavar=LIMIT,
        action="append",
        default=[],
        help="upper limit, repeatable: params=5.3M, macs=350M, macs=60% (of the teacher's), latency_ms=12",
    )
    parser.option("--min", metavar=LIMIT, action="append", default=[], help="lower limit, repeatable")
    parser.option("--weights", metavar="W,...", default="", help="weights of the blocks' scores; 1 each if not given")
    parser.option(
        "--scores",
        metavar="NAME,...",
        default="",
        help="rated scores to add up, several weighted by their spread; the first if not given",
    )
    parser.option("--top", metavar="N", type=whole_number, default=5, help="show this many of the best")
    parser.option("--diverse", metavar="N", type=whole_number, default=0, help="show this many answers that differ")
    parser.option("--distance", metavar="LAYERS", type=whole_number, default=2, help="... in at least this many layers")
    parser.option(
        "--front", metavar="RESOURCE,...", default="", help="resources to weigh the score against, one to three"
    )
    parser.option(
        "--resolution",
        metavar=LIMIT,
        action="append",
        default=[],
        help="steps for a front that is too large, repeatable",
    )
    parser.option(
        "--time-limit", metavar="SECONDS", type=number, help="seconds after which an answer need not be proven best"
    )
    parser.option("--compare", action="store_true", help="run other search methods beside the exact one")
    parser.option(
        "--compare-limit",
        metavar="SECONDS",
        type=number,
        default=60.0,
        help="seconds for Algorithm 2 and for HiGHS in a comparison",
    )


def _search(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.search import show_comparison, show_diverse, show_outcome
    from helixnas.pipeline.ad_hoc.compare import compare_on, save_comparison
    from helixnas.pipeline.ad_hoc.search import search_run
    from helixnas.pipeline.work.search import COMPARISON, find_diverse
    from helixnas.search.config import SearchConfig

    folder = RunFolder(Path(options.run))
    limits = SearchConfig(
        max=amounts(options.max, "--max"),
        min=amounts(options.min, "--min"),
        weights=_weights(options.weights),
        scores=tuple(words(options.scores)),
        front=tuple(words(options.front)),
        resolution=amounts(options.resolution, "--resolution"),
        time_limit_s=options.time_limit,
    )
    asked = limits if limits != SearchConfig() else None
    for name, outcome in search_run(folder, options.name, asked, num_best=options.top):
        show_outcome(console, name, outcome, top=options.top)
        if options.diverse:
            diverse = find_diverse(folder, outcome, number=options.diverse, min_distance=options.distance)
            show_diverse(console, name, diverse, min_distance=options.distance)
        if options.compare:
            rows = compare_on(outcome.result, seed=0, time_limit_s=options.compare_limit)
            save_comparison(rows, folder.search(name) / COMPARISON, time_limit_s=options.compare_limit)
            show_comparison(console, name, rows)


def _weights(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in words(text))
    except ValueError as error:
        raise ConfigError(f"--weights {text!r} must be numbers, one per block, for example 1,1,0.5") from error


def _add_verify_options(parser: Parser) -> None:
    parser.option("run", metavar="RUN", help="the folder of a run")
    parser.option("--name", help="which search; all that were made if not given")
    parser.option("--time-limit", metavar="SECONDS", type=number, default=60.0, help="seconds for HiGHS per search")


def _verify(options: Namespace, console: Console) -> None:
    from helixnas.pipeline.ad_hoc.verify import verify_run

    checked = verify_run(RunFolder(Path(options.run)), options.name, time_limit_s=options.time_limit)
    for name, found in checked:
        say(console, f"{name}: {found.sentence}")
    wrong = [name for name, found in checked if not found.holds]
    if wrong:
        raise ArtifactError(f"the certificate of {' and '.join(wrong)} does not hold; search again")


COMMANDS = (
    Command(
        name="search",
        purpose=SEARCH.purpose,
        example="helixnas search runs/digits --max macs=40% --max params=120k --name light",
        add_options=_add_search_options,
        run=_search,
    ),
    Command(
        name="verify",
        purpose="check the certificates of searches with an independent solver",
        example="helixnas verify runs/digits",
        add_options=_add_verify_options,
        run=_verify,
    ),
)
