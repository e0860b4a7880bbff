"""Tables of a study in 80 columns: its plan, and how well each variant ranks, a variant per line.

The page (`report.lab.study`) has every interval.
"""

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from helixnas.artifacts import RunRecord
from helixnas.artifacts.ranking import SIZES
from helixnas.artifacts.study import Ranked, Study
from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.engine.timing import duration
from helixnas.experiments.study import check_benchmark
from helixnas.experiments.study_plan import StudyPlan, stages_of
from helixnas.nn import count_params
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.plan import is_done
from helixnas.pipeline.stages.wording import distill_text
from helixnas.report.elements.wording import interval_text, signed
from helixnas.report.lab.study_text import kinds, ranked, verdicts

MEANING = (
    "tau: Kendall's, of the score, and its 95 % interval; partial: Spearman's rho with MACs, parameters and "
    "depth held fixed; then the taus of MACs, parameters and depth alone, on the same networks."
)


def show_study_plan(study: StudyPlan, console: Console) -> None:
    """Print the stages of every variant that are left and those that are reused; needs no data.

    Raises `HelixError` if a variant cannot be built.
    """
    check_benchmark(study)
    _say(console, f"{study.name}: {study.description} Base: {study.base}.")
    say(console, f"variants, in {study.out / 'variants'}:")
    made: dict[str, str] = {}
    for variant in study.variants:
        recipe, folder = variant.recipe, study.folder(variant)
        drawn = sketch(recipe)
        record = folder.load_record() if folder.exists() else RunRecord(recipe=recipe.name)
        left = [each for each in stages_of(recipe).values() if not is_done(each, record, folder)]
        to_do = [each.name for each in left if each.key not in made]
        shared = [f"{each.name} from {made[each.key]}" for each in left if each.key in made]
        steps = distill_text(recipe.distill, recipe.expected_training_images)
        params = f"{count_params(drawn.supernet) / 1e6:.2f} M parameters"
        _say(console, f"{variant.label}: {changes_text(variant.changes)}", indent=2)
        _say(console, f"{drawn.space.size:,} networks; supernet of {params}; distill {steps}", indent=4)
        _say(console, f"to do: {', '.join(to_do) or 'nothing'}", indent=4)
        if shared:
            _say(console, f"reused: {', '.join(shared)}", indent=4)
        if recipe.generations is not None:
            _say(console, f"this is generation 1 of at most {recipe.generations.number}", indent=4)
        for each in stages_of(recipe).values():
            made.setdefault(each.key, variant.label)


def show_study(study: Study, plan: StudyPlan, console: Console) -> None:
    """Print the tables of a study, its conclusions, and where its files are."""
    _say(console, f"{study.name}: {study.description}")
    for kind in kinds(study) or ("nothing",):
        console.print(_agreements(study, kind))
    if kinds(study):
        _say(console, MEANING)
    if any(row.picked is not None for row in study.rows):
        console.print(_picks(study))
    for sentence in verdicts(study):
        _say(console, sentence)
    say(console, f"figures: {plan.figures}")
    say(console, f"page: {plan.page}")


def changes_text(changes: Mapping[str, Any]) -> str:
    """Return settings in a few words.

    >>> changes_text({"seed": 41, "space": {"join": {"name": "mine"}, "groups": [2, 1]}}), changes_text({})
    ('seed 41, space mine, joined by [2, 1]', 'as the base')
    """
    return ", ".join(f"{name} {_short(value)}" for name, value in changes.items()) or "as the base"


def _agreements(study: Study, kind: str) -> Table:
    """Return a row per variant: how its score and sizes rank; empty if there is nothing to compare with."""
    table = figure_table(f"against {kind}", study.axis, "tau", "95 %", "partial", *SIZES, "time", narrow=True)
    for row in study.rows:
        found = ranked(row, kind)
        table.add_row(row.label, *([""] * 6 if found is None else _figures(found)), duration(row.seconds))
    return table


def _figures(found: Ranked) -> list[str]:
    values = (found.partial, *(found.sizes[name] for name in SIZES))
    tau, interval = signed(found.kendall.value), interval_text(found.kendall.interval)
    return [tau, interval, *(signed(each.value) for each in values)]


def _picks(study: Study) -> Table:
    """Return a row per variant: the trained accuracy of its pick, and its regret."""
    heads = ("pick (%)", "best (%)", "regret (points)", "of random picks")
    table = figure_table(f"picks among the networks of {study.benchmark}", study.axis, *heads, narrow=True)
    for row in study.rows:
        if (own := row.picked) is not None:
            figures = (own.accuracy, own.best, own.regret, own.random_regret)
            table.add_row(row.label, *(f"{100 * value:.2f}" for value in figures))
    return table


def _short(value: Any, most: int = 48) -> str:
    if isinstance(value, Mapping) and "join" in value:
        return f"{_short(value['join'])}, joined by {value.get('groups')}"
    text = str(value["name"] if isinstance(value, Mapping) and "name" in value else value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _say(console: Console, text: str, *, indent: int = 0) -> None:
    """Print a sentence wrapped between words to the width of the terminal."""
    lines = textwrap.wrap(
        text,
        console.width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2) if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        say(console, line)
