"""The top of the page: what was searched, what was found, and how it compares with the teacher."""

import shlex
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from helixnas.report.elements.intervals import accuracy_texts
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import count, listed
from helixnas.report.reading import RunFiles, Search
from helixnas.search import readable


def summary_section(run: RunFiles) -> Section:
    """Return what was searched and found, in a few sentences and one table."""
    rows = ([_teacher_row(run.teacher)] if run.teacher else []) + [_search_row(search) for search in run.searches]
    found = [(search, _proof(search), _further_costs(search)) for search in run.searches]
    values = {
        "searched": _searched(run),
        "accuracies": _accuracies(run),
        "rows": rows,
        "found": found,
        "warnings": _warnings(run),
        "missing": missing_rows(run),
    }
    return section("summary", "Summary", "run/summary", run=run, **values)


def limits_text(search: Search) -> str:
    """Return the limits of a search as the user wrote them."""
    parts = [f"{name}\u00a0\u2264\u00a0{limit}" for name, limit in search.asked["max"].items()]
    parts += [f"{name}\u00a0\u2265\u00a0{limit}" for name, limit in search.asked["min"].items()]
    return ", ".join(parts) or "none"


def missing_rows(run: RunFiles) -> list[tuple[str, Markup]]:
    """Return what the report would also show, with the command: the next stages, and measurements that were left out."""
    folder, trained = shlex.quote(str(run.folder)), [search for search in run.searches if search.metrics]
    untrained = run.leaves_retraining_out
    tuned = any(search.inherited for search in run.searches)
    stitched = (run.settings.get("stitching") or {}).get("num_architectures", 1)
    steps = [
        ("a teacher", "teacher RUN", bool(run.teacher)),
        ("distillation, block by block", "distill RUN", "distill" in run.curves),
        ("scores of all paths", "rate RUN", bool(run.ratings)),
        ("how well scores add up, on stitched networks", "rate RUN", run.stitching is not None or not stitched),
        ("a network under your limits", "search RUN", bool(run.searches)),
        ("accuracy of the networks found", "retrain RUN", untrained or len(trained) == len(run.searches)),
        ("fine-tuning from inherited weights", "retrain RUN --init inherited", untrained or tuned),
        ("latency, to limit it", "costs RUN --latency onnxruntime-cpu", run.latency is not None),
    ]
    code = Markup("<code>helixnas {}</code>")
    return [(what, code.format(command.replace("RUN", folder))) for what, command, is_there in steps if not is_there]


def _warnings(run: RunFiles) -> list[str]:
    """Return the warnings of all stages, and of searches beside the recipe's; those of a search with its name."""
    found: list[str] = []
    for name, stage in run.record.stages.items():
        search = name.partition(":")[2]
        found += [f"{f'search {search}: ' if search else ''}{text}" for text in stage.facts.get("warnings", ())]
    for search in run.searches:
        if f"search:{search.name}" not in run.record.stages:
            found += [f"search {search.name}: {text}" for text in search.found.warnings]
    return found


def _searched(run: RunFiles) -> str:
    size = run.searches[0].found.space_size if run.searches else run.space.size if run.space else 0
    networks = f"the {size:,} networks" if size else "the networks"
    space = f"the space {run.space.name}" if run.space else "its space"
    data = run.settings.get("data") or {}
    images = f" with the images of {data['name'] or data['root']}" if data.get("name") or data.get("root") else ""
    teacher = f", block by block, under the teacher {run.teacher['model']}" if "model" in run.teacher else ""
    weights = f" The teacher's weights: {run.teacher['weights']}." if "weights" in run.teacher else ""
    if cuts := run.teacher.get("cuts"):
        weights += f" The teacher's {listed([str(cut) for cut in cuts])}."
    names = [search.name for search in run.searches]
    named = f" Named searches so far: {listed(names)}." if names else ""
    return f"The recipe {run.record.recipe} searches {networks} of {space}{images}{teacher}.{weights}{named}"


def _teacher_row(facts: Mapping[str, Any]) -> list[str]:
    accuracy = accuracy_texts(facts.get("accuracy"), facts.get("num_evaluated"))
    return [f"teacher ({facts.get('model', 'unnamed')})", "\u2013", *_sizes(facts), "100 %", *accuracy]


def _search_row(search: Search) -> list[str]:
    metrics = search.metrics or search.inherited
    accuracy = accuracy_texts(metrics.get("accuracy"), metrics.get("num_images"))
    costs, macs = search.found.costs, search.found.teacher.get("macs")
    share = f"{100 * costs['macs'] / macs:.1f} %" if macs and "macs" in costs else "\u2013"
    name = search.name if search.metrics or not search.inherited else f"{search.name} (inherited weights)"
    return [name, limits_text(search), *_sizes(costs), share, *accuracy]


def _sizes(costs: Mapping[str, Any]) -> list[str]:
    return [count(costs[name]) if name in costs else "\u2013" for name in ("params", "macs")]


def _proof(search: Search) -> str:
    if search.found.status == "optimal":
        return f"proven best of {search.found.space_size:,} networks under its limits"
    return f"the best that was found of {search.found.space_size:,} networks, not proven best"


def _further_costs(search: Search) -> str:
    """Return the costs that the table does not show, such as latency."""
    others = {name: cost for name, cost in search.found.costs.items() if name not in ("params", "macs")}
    return "".join(f", {' '.join(readable(name, cost, decimals=3))}" for name, cost in others.items())


def _accuracies(run: RunFiles) -> str:
    trained = [search for search in run.searches if search.metrics.get("accuracy") is not None]
    waiting = [search.name for search in run.searches if (search.metrics or search.inherited).get("accuracy") is None]
    sentence = ""
    if trained:
        numbers = sorted({int(search.metrics["num_images"]) for search in trained})
        numbers_text = listed([f"{number:,}" for number in numbers])
        sentence = (
            f"Accuracy is measured after retraining from scratch, on {numbers_text} images that neither training nor "
            "the search has seen; the interval (Wilson) covers the choice of these images, not the variation between trainings."
        )
    if waiting:
        sentence += f" Not retrained and evaluated yet: {listed(waiting)}."
    return sentence.strip() or "MACs are multiply-adds for one image."
