"""Commands search and verify: the best architecture under budgets, and the check of its certificate."""

from argparse import Namespace

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import LIMIT, amounts, require_partner, run_folder, say, words
from helixnas.errors import ArtifactError, ConfigError
from helixnas.pipeline.stages.search import SEARCH

DISTANCE, COMPARE_LIMIT = 2, 60.0
"""Layers in which networks differ, and seconds of another search method, where the options do not say."""


def _add_search_options(parser: Parser) -> None:
    parser.run_folder()
    parser.option("--name", help="name of the search; all of the recipe's if not given")
    upper = "upper limit, repeatable: params=5.3M, macs=350M, macs=60% (of the teacher's), latency_ms=12"
    parser.repeated("--max", LIMIT, upper)
    parser.repeated("--min", LIMIT, "lower limit, repeatable")
    parser.option("--weights", metavar="W,...", default="", help="weights of the blocks' scores; 1 each if not given")
    scores = "kinds of score to add up, each divided by its spread if several; those of the recipe if not given"
    parser.option("--scores", metavar="KIND,...", default="", help=scores)
    parser.whole("--top", 5, "number of the best architectures to show", least=1)
    parser.whole("--diverse", 0, "number of architectures to show that differ from each other")
    distance = f"with --diverse: smallest number of layers that differ; {DISTANCE} if not given"
    parser.whole("--distance", None, distance, metavar="LAYERS", least=1)
    parser.option("--front", metavar="RESOURCE,...", default="", help="one to three resources of the Pareto front")
    parser.repeated("--resolution", LIMIT, "if the front is too large: round costs up to multiples of this, repeatable")
    limit = "stop after this time; the answer may not be proven best"
    parser.number("--time-limit", None, limit, metavar="SECONDS", least=0.0)
    parser.flag("--compare", "also run other search methods, for comparison")
    others = f"with --compare: time for Algorithm 2 and for HiGHS; {COMPARE_LIMIT:g} if not given"
    parser.number("--compare-limit", None, others, metavar="SECONDS", least=0.0)


def _search(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.search import show_comparison, show_diverse, show_outcome
    from helixnas.pipeline.ad_hoc.compare import compare_on, save_comparison
    from helixnas.pipeline.ad_hoc.search import search_run
    from helixnas.pipeline.work.search import COMPARISON, find_diverse
    from helixnas.search.config import SearchConfig

    require_partner("--distance", options.distance, "--diverse", is_given=bool(options.diverse))
    require_partner("--compare-limit", options.compare_limit, "--compare", is_given=options.compare)
    distance = DISTANCE if options.distance is None else options.distance
    compare_limit = COMPARE_LIMIT if options.compare_limit is None else options.compare_limit
    folder = run_folder(options.run, console)
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
        for warning in outcome.warnings:
            say(console, f"warning: {warning}")
        if options.diverse:
            diverse = find_diverse(folder, outcome, number=options.diverse, min_distance=distance)
            show_diverse(console, name, diverse, min_distance=distance)
        if options.compare:
            rows = compare_on(outcome.result, seed=0, time_limit_s=compare_limit)
            save_comparison(rows, folder.search(name) / COMPARISON, time_limit_s=compare_limit)
            show_comparison(console, name, rows)


def _weights(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in words(text))
    except ValueError as error:
        raise ConfigError(f"--weights {text!r} must be numbers, one per block, for example 1,1,0.5") from error


def _add_verify_options(parser: Parser) -> None:
    parser.run_folder()
    parser.option("--name", help="name of the search; all that have a certificate if not given")
    parser.number("--time-limit", 60.0, "time for HiGHS per search", metavar="SECONDS", least=0.0)


def _verify(options: Namespace, console: Console) -> None:
    from helixnas.pipeline.ad_hoc.verify import verify_run

    checked = verify_run(run_folder(options.run, console), options.name, time_limit_s=options.time_limit)
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
