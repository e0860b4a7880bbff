"""The budget explorer as a section: limits on up to three resources, and the network that a search would answer."""

from helixnas.report.elements.drawing import legend
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import listed
from helixnas.report.explorer.answers import MOST_POINTS, answers_of
from helixnas.report.explorer.data import explorer_data, title_of
from helixnas.report.reading import RunFiles


def explorer_section(run: RunFiles) -> Section | None:
    """Return the explorer; None before the run is rated."""
    answers = answers_of(run)
    if answers is None:
        return None
    resources = answers.found.resources
    data, operations = explorer_data(run, answers)
    values = {
        "data": data,
        "key": legend(operations),
        "num_answers": len(answers.found),
        "space_size": answers.found.instance.size,
        "resources": listed([title_of(name) for name in resources]),
        "left_out": listed([title_of(name) for name in answers.left_out]) if answers.left_out else "",
        "most_points": MOST_POINTS,
        "is_retrained": not run.leaves_retraining_out,
        "sliders": [(name, title_of(name)) for name in resources],
    }
    return section("explorer", "Budget explorer", "run/explorer", **values)
