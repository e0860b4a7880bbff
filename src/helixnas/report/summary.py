"""The top of the page: what was searched, what came out, and how it does beside the teacher."""

from collections.abc import Mapping
from typing import Any

from helixnas.report.drawing import draw, legend
from helixnas.report.intervals import wilson_interval
from helixnas.report.markup import Section, count, figure, listed, missing, paragraph, table, text
from helixnas.report.reading import RunFiles, Search
from helixnas.search import readable


def summary_section(run: RunFiles) -> Section:
    """Return what was searched and found, in a few sentences and one table."""
    body = paragraph(_what(run))
    if not run.searches:
        body += missing(f"No search has been made yet; continue with: helixnas run, or helixnas search {run.folder}")
    if run.searches or run.teacher:
        rows = ([_teacher_row(run.teacher)] if run.teacher else []) + [_search_row(search) for search in run.searches]
        head = ["network", "limits", "parameters", "MACs", "of teacher's MACs", "accuracy", "95 % interval", "images"]
        body += table(head, rows, numeric=2)
    body += "".join(_found(search) for search in run.searches)
    body += paragraph(_accuracies(run))
    return Section(anchor="summary", title="Summary", body=body)


def architecture_section(run: RunFiles) -> Section:
    """Return the drawing of every search's choice."""
    title = "The chosen networks" if len(run.searches) != 1 else "The chosen network"
    if not run.searches:
        note = missing("There is nothing to draw before the first search.")
        return Section(anchor="networks", title=title, body=note)
    networks = [search.architecture for search in run.searches]
    body = legend(networks)
    for search in run.searches:
        others = [network for network in networks if network is not search.architecture]
        drawing = draw(search.architecture, others, name=search.name)
        body += f'<div class="network"><h3>Search: {text(search.name)}</h3>{drawing}</div>\n'
    how = (
        "Read columns from left to right and the layers of a column from top to bottom; the first layer of a block "
        "carries its stride. A bar's colour is its kernel, its width the expansion (hidden channels per input channel)."
    )
    return Section(anchor="networks", title=title, body=figure(body, how, long=True))


def limits_text(search: Search) -> str:
    """Return the limits of a search as the user wrote them."""
    parts = [f"{name}\u00a0\u2264\u00a0{limit}" for name, limit in search.asked["max"].items()]
    parts += [f"{name}\u00a0\u2265\u00a0{limit}" for name, limit in search.asked["min"].items()]
    return ", ".join(parts) or "none"


def accuracy_texts(accuracy: Any, number: Any) -> tuple[str, str, str]:
    """Return an accuracy, Wilson's 95 % interval and the number of images, or dashes where it was not measured.

    >>> accuracy_texts(0.5, 100)
    ('50.00 %', '40.4 to 59.6 %', '100')
    """
    if accuracy is None or not number:
        return "\u2013", "\u2013", "\u2013"
    low, high = wilson_interval(float(accuracy), int(number))
    digits = 1 if high - low > 0.005 else 2
    return f"{100 * accuracy:.2f} %", f"{100 * low:.{digits}f} to {100 * high:.{digits}f} %", f"{int(number):,}"


def _what(run: RunFiles) -> str:
    size = run.searches[0].num_architectures if run.searches else run.space.size if run.space else 0
    networks = f"the {size:,} networks" if size else "the networks"
    space = f"the space {run.space.name}" if run.space else "its space"
    data = run.settings.get("data") or {}
    images = f" with the images of {data['name'] or data['root']}" if data.get("name") or data.get("root") else ""
    teacher = f", block by block, under the teacher {run.teacher['model']}" if "model" in run.teacher else ""
    names = [search.name for search in run.searches]
    named = f" Named searches so far: {listed(names)}." if names else ""
    return f"The recipe {run.record.recipe} searches {networks} of {space}{images}{teacher}.{named}"


def _teacher_row(facts: Mapping[str, Any]) -> list[str]:
    accuracy = accuracy_texts(facts.get("accuracy"), facts.get("num_evaluated"))
    sizes = [count(facts[name]) if name in facts else "\u2013" for name in ("params", "macs")]
    return [f"teacher ({facts.get('model', 'unnamed')})", "\u2013", *sizes, "100 %", *accuracy]


def _search_row(search: Search) -> list[str]:
    metrics = search.metrics or search.inherited
    accuracy = accuracy_texts(metrics.get("accuracy"), metrics.get("num_images"))
    costs, macs = search.costs, search.teacher.get("macs")
    share = f"{100 * costs['macs'] / macs:.1f} %" if macs and "macs" in costs else "\u2013"
    sizes = [count(costs[name]) if name in costs else "\u2013" for name in ("params", "macs")]
    name = search.name if search.metrics or not search.inherited else f"{search.name} (inherited weights)"
    return [name, limits_text(search), *sizes, share, *accuracy]


def _found(search: Search) -> str:
    proof = (
        f"proven best of {search.num_architectures:,} networks under its limits"
        if search.status == "optimal"
        else f"the best that was found of {search.num_architectures:,} networks, not proven best"
    )
    others = {name: cost for name, cost in search.costs.items() if name not in ("params", "macs")}
    more = "".join(f", {' '.join(readable(name, cost, decimals=3))}" for name, cost in others.items())
    return (
        f'<p class="found"><b>{text(search.name)}</b> <code>{text(search.architecture.text)}</code><br>'
        f"{text(proof)}, with a summed score of {search.score:.5f} (lower is better){text(more)}, "
        f"in {1000 * search.seconds:.0f} ms.</p>\n"
    )


def _accuracies(run: RunFiles) -> str:
    trained = [search for search in run.searches if search.metrics.get("accuracy") is not None]
    waiting = [search.name for search in run.searches if (search.metrics or search.inherited).get("accuracy") is None]
    sentence = ""
    if trained:
        numbers = sorted({int(search.metrics["num_images"]) for search in trained})
        numbers_text = listed([f"{number:,}" for number in numbers])
        sentence = (
            f"Accuracy is measured after retraining from scratch, on {numbers_text} images that neither training nor "
            "the search has seen; the interval (Wilson) covers the luck of these images, not that of another training."
        )
    if waiting:
        sentence += f" Not retrained and evaluated yet: {listed(waiting)}."
    return sentence.strip() or "MACs are multiply-adds for one image."
