"""The answers as data for the page's script: rows of blocks, of which it adds up costs and draws networks.

A network is one byte (or two) per block, the number of its row; a row has a score, costs and a path. Answers stand in the
order of the search, so the script compares no scores, whose integers may exceed those of JavaScript.
"""

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from helixnas.artifacts.cost_table import LATENCY
from helixnas.report.elements.drawing import BAR, HEAD_ROOM, ROW, THICK, WIRE, Key, bar_of, columns_of, head_note
from helixnas.report.elements.wording import name_of
from helixnas.report.explorer.answers import Answers
from helixnas.report.reading import RunFiles
from helixnas.search.amounts import UNITS
from helixnas.search.confidence import varies
from helixnas.search.instance import SCORE_UNIT
from helixnas.space import Operation, Path, SearchSpace

NAMES = {
    "params": "parameters",
    "macs": "multiply-adds",
    "flops": "FLOPs (paper)",
    "activation_bytes": "activation bytes",
    LATENCY: "predicted latency",
}
"""Display names of resources; others keep their own."""

MOST_BATCH_SCORES = 20_000
"""Scores on single batches that the page may hold, about 0.2 MB."""


def explorer_data(run: RunFiles, answers: Answers) -> tuple[Markup, list[Operation]]:
    """Return the data as JSON that may stand in a script element, and the operations of all its networks."""
    found, space = answers.found, run.space
    assert space is not None
    instance = found.instance
    kept = [np.unique(column, return_inverse=True) for column in found.rows.T]
    blocks: list[dict[str, Any]] = [
        {"score": (block.score[rows] * SCORE_UNIT).tolist(), "costs": block.costs[rows].T.tolist()}
        for block, (rows, _) in zip(instance.blocks, kept, strict=True)
    ]
    paths = [
        _parse(space, number, block.labels or (), rows)
        for number, (block, (rows, _)) in enumerate(zip(instance.blocks[1:-1], kept[1:-1], strict=True))
    ]
    used = [path for column in paths for path in column] + [stage.path for stage in space.stem]
    operations = list(dict.fromkeys(operation for path in used for operation in path.operations))
    batches = _batches(answers, [rows for rows, _ in kept[1:-1]])
    places = np.stack([place for _, place in kept], axis=1)
    size = 1 if places.max() < 256 else 2
    values = {
        "command": _command(run, answers),
        "sliders": [_slider(run, name) for name in found.resources],
        "costs": [_cost(run, name) for name in instance.resources],
        "combine": list(instance.combine),
        "blocks": blocks,
        "batches": batches,
        "kinds": _kinds(run, [rows for rows, _ in kept[1:-1]]),
        "size": size,
        "answers": base64.b64encode(places.astype(f"<u{size}").tobytes()).decode(),
        "equal": (np.flatnonzero(np.diff(found.score) == 0) + 1).tolist(),
        "drawing": _drawing(space, [*([stage.path] for stage in space.stem), *paths], operations),
    }
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c")), operations


def _kinds(run: RunFiles, kept: Sequence[npt.NDArray[np.intp]]) -> list[Mapping[str, Any]]:
    """Return per rated kind of score its name and, per searched block, the value of each row; none for a single kind."""
    assert run.tables is not None
    tables = run.tables.ratings
    if len(tables[0].scores) < 2:
        return []
    return [
        {
            "title": name_of(kind),
            "values": [np.round(table.mean(kind)[rows], 9).tolist() for table, rows in zip(tables, kept, strict=True)],
        }
        for kind in tables[0].scores
    ]


def _batches(answers: Answers, kept: Sequence[npt.NDArray[np.intp]]) -> Mapping[str, Any] | None:
    """Return the weights of the rating batches and, per searched block, the scores of its rows on each.

    Differences of networks have a standard error then. None where no score varies between batches, and for so many batches that
    the page would grow.
    """
    sizes = answers.ratings[0].batch_sizes
    if not varies(answers.ratings) or len(sizes) * sum(map(len, kept)) > MOST_BATCH_SCORES:
        return None
    weights = answers.weights or (1.0,) * len(kept)
    scores = [
        np.round(weight * table.batches()[rows], 9).tolist()
        for table, weight, rows in zip(answers.ratings, weights, kept, strict=True)
    ]
    return {"weights": (sizes / sizes.sum()).tolist(), "scores": scores}


def title_of(resource: str) -> str:
    """Return the display name of a resource."""
    return NAMES.get(resource, resource)


def _parse(space: SearchSpace, number: int, texts: Sequence[str], rows: npt.NDArray[np.intp]) -> list[Path]:
    """Return the paths of some rows of a block, whose number is counted from 0."""
    wanted = [texts[int(row)] for row in rows]
    found = {path.text: path for path in space.blocks[number].paths() if path.text in set(wanted)}
    return [found[text] for text in wanted]


def _command(run: RunFiles, answers: Answers) -> Mapping[str, Any]:
    """Return the run as it stands in commands, further options of a search, their part of its name, and whether to retrain."""
    weights, scores = ",".join(map(str, answers.weights)), ",".join(answers.scores)
    options = (f" --weights {weights}" if weights else "") + (f" --scores {shlex.quote(scores)}" if scores else "")
    name = (f"-weights-{weights.replace(',', '-')}" if weights else "") + (
        f"-scores-{scores.replace(',', '-')}" if scores else ""
    )
    folder = shlex.quote(str(run.folder))
    return {"run": folder, "options": options, "name": name, "retrains": not run.leaves_retraining_out}


def _slider(run: RunFiles, name: str) -> Mapping[str, Any]:
    """Return a resource with the limit of the first search, if it has one."""
    start = run.searches[0].found.upper.get(name) if run.searches else None
    return {"resource": name, "start": start}


def _cost(run: RunFiles, name: str) -> Mapping[str, Any]:
    """Return a resource: display name, name and unit in commands, the teacher's amount, and the error of predictions."""
    option, unit = next(((other, size) for other, (own, size) in UNITS.items() if own == name), (name, 1))
    teacher = run.teacher.get(name)
    error = (run.latency or {}).get("error") or {} if name == LATENCY else {}
    note = (
        f"sums of parts are off by {100 * error['median']:.0f} % in the median, {100 * error['worst']:.0f} % at worst"
        if error
        else ""
    )
    return {"resource": name, "title": title_of(name), "option": option, "unit": unit, "teacher": teacher, "note": note}


def _drawing(
    space: SearchSpace, columns: Sequence[Sequence[Path]], operations: Sequence[Operation]
) -> Mapping[str, Any]:
    """Return the measures of a drawing, a bar per operation, and the paths by column: those of the stem, then the blocks'."""
    stem, key, number = len(space.stem), Key.of(operations), {each.name: place for place, each in enumerate(operations)}
    step, middles = columns_of(len(columns))
    titles = ["Stem"] * stem + [f"Block {block}" for block in range(1, len(space.blocks) + 1)]
    strides = [stage.stride for stage in space.stem] + [block.stride for block in space.blocks]
    deepest = max(path.depth for column in columns for path in column)
    return {
        "step": step,
        "middles": middles,
        "height": HEAD_ROOM + ROW * deepest,
        "stem": stem,
        "head": head_note(space.head),
        "sizes": {"bar": BAR, "top": HEAD_ROOM, "row": ROW, "thick": THICK, "wire": WIRE},
        "bars": [asdict(bar_of(0, operation, key)) for operation in operations],
        "columns": [
            {
                "title": title,
                "stride": stride,
                "paths": [
                    {"text": path.text, "width": path.width, "bars": [number[each.name] for each in path.operations]}
                    for path in column
                ],
            }
            for title, stride, column in zip(titles, strides, columns, strict=True)
        ],
    }
