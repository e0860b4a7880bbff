"""A study as text: rows of its tables and sentences about its variants, for the page and the terminal."""

from helixnas.artifacts.ranking import SIZES
from helixnas.artifacts.study import Ranked, Study, StudyRow
from helixnas.engine.timing import duration
from helixnas.report.elements.wording import estimate_text, listed, name_of, signed

STITCHED, TRAINED = "stitched outputs", "trained accuracy"
"""References that a score is compared with."""


def kinds(study: Study) -> tuple[str, ...]:
    """Return the references that some variant has: stitched outputs, trained accuracies or both."""
    return tuple(kind for kind in (STITCHED, TRAINED) if any(ranked(row, kind) for row in study.rows))


def ranked(row: StudyRow, kind: str) -> Ranked | None:
    """Return a variant's figures against stitched outputs or trained accuracies; None where there are none."""
    return row.stitched if kind == STITCHED else row.trained


def ranked_rows(study: Study, kind: str) -> list[tuple[str, Ranked]]:
    """Return label and figures of the variants that have figures of that kind."""
    return [(row.label, own) for row in study.rows if (own := ranked(row, kind)) is not None]


def head(study: Study) -> list[str]:
    """Return the column titles of the table of correlations."""
    sizes = [f"tau of {name_of(name)}" for name in SIZES]
    return [study.axis, "against", "Kendall tau-b", "Spearman", "partial Spearman", *sizes]


def cells(study: Study) -> list[list[str]]:
    """Return the rows of the table of correlations: per variant, one for each kind of comparison."""
    rows: list[list[str]] = []
    for row in study.rows:
        found = [(kind, own) for kind in kinds(study) if (own := ranked(row, kind)) is not None]
        if not found:
            rows.append([row.label, "nothing", *[""] * (len(head(study)) - 2)])
        for kind, own in found:
            estimates = (own.kendall, own.spearman, own.partial, *(own.sizes[name] for name in SIZES))
            rows.append([row.label, kind, *map(estimate_text, estimates)])
    return rows


def made(study: Study) -> list[list[str]]:
    """Return a table of the variants, titles first: network chosen, run, teacher, picks from a benchmark, time."""
    picks = ["pick (%)", "regret (points)"] if study.benchmark else []
    checked = any(row.winner_accuracy is not None for row in study.rows)
    checks = ["winner, trained shortly (%)"] * checked
    rows = [[study.axis, "chosen network", "run", "its teacher (%)", *checks, *picks, "time"]]
    for row in study.rows:
        texts = [] if row.picked is None else [_percent(row.picked.accuracy), _percent(row.picked.regret)]
        texts += [""] * (len(picks) - len(texts))
        own = [_percent(row.winner_accuracy)] * checked
        rows.append(
            [row.label, row.chosen, row.run, _percent(row.teacher_accuracy), *own, *texts, duration(row.seconds)]
        )
    return rows


def verdicts(study: Study) -> list[str]:
    """Return in words which variant ranks best, whether that is certain, and where size alone does as well."""
    return [sentence for kind in kinds(study) for sentence in _verdict(study, kind)]


def _verdict(study: Study, kind: str) -> list[str]:
    found = ranked_rows(study, kind)
    best, own = max(found, key=lambda pair: pair[1].kendall.value)
    others = [name for name, each in found if name != best and each.kendall.interval[1] >= own.kendall.interval[0]]
    claim = f"Against {kind}, {study.axis} {best} has the highest tau, {estimate_text(own.kendall)}"
    claim += f"; this is not certain, because the intervals of {listed(others)} overlap with it." if others else "."
    weak: list[str] = []
    for name, each in found:
        size = max(SIZES, key=lambda size, each=each: each.sizes[size].value)
        if each.sizes[size].value >= each.kendall.value:
            weak.append(f"{name} ({name_of(size)} {signed(each.sizes[size].value)})")
    if weak:
        return [claim, f"Against {kind}, size alone ranks at least as well as the score in: {'; '.join(weak)}."]
    return [claim]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"
