"""Claims of a search beside its certificate: runners-up, front, the course of a latency budget, copies of its answer.

All figures are computed again from the tables. Whether runners-up and front are complete is not checked, nor can measured
latency be.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isclose, isnan
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.cost_table import LATENCY
from helixnas.artifacts.files import read_json, understanding
from helixnas.artifacts.front import Front
from helixnas.artifacts.record import from_plain
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.pipeline.ad_hoc.differences import differences
from helixnas.pipeline.work.latency_budget import MAX_SEARCHES_AGAIN, LatencyCheck
from helixnas.pipeline.work.search import ARCHITECTURE, CERTIFICATE, NUM_RUNNERS_UP, RESULT
from helixnas.search import Certificate, Instance, Tables, compare
from helixnas.search.check.milp import total
from helixnas.search.instance import SCORE_UNIT

ROUNDING = 1e-9
"""Largest accepted difference between figures computed in floats, relative to the score."""


def problems_of_runners_up(
    record: SearchRecord, certificate: Certificate, instance: Instance, tables: Tables
) -> list[str]:
    """Compare the runners-up with the ratings; each must be within the limits, and none better than the answer."""
    number = min(NUM_RUNNERS_UP, certificate.num_answers - 1)
    if len(record.runners_up) != number:
        return [f"{RESULT} has {len(record.runners_up)} runners-up, and the number of answers says {number}"]
    texts = [each.architecture for each in record.runners_up]
    if len({*texts, record.architecture}) != len(texts) + 1:
        return [f"{RESULT} lists a network twice"]
    places, problems, last = _Places(instance), list[str](), certificate.score or 0
    for number, text in enumerate(texts, start=1):
        found = places.find(text)
        if found is None:
            return [f"runner-up {number} is not a network of the space: {text}"]
        score, costs = total(instance, found)
        if not certificate.budget.allows(costs):
            problems.append(f"runner-up {number} is outside the limits")
        if score < last:
            problems.append(f"runner-up {number} has a lower score than the network before it")
        last = score
    weights = certificate.weights or None
    first_width = int(tables.costs.width[tables.costs.rows(0)[0]])
    expected = compare(record.architecture, texts, tables.ratings, first_width=first_width, weights=weights)
    for number, (claimed, found) in enumerate(zip(record.runners_up, expected, strict=True), start=1):
        error = None if isnan(found.standard_error) else found.standard_error
        pairs = (
            ("difference", claimed.difference, found.difference),
            ("standard error", claimed.standard_error, error),
        )
        problems += [
            f"the {name} of runner-up {number} is {there}, not {here}"
            for name, here, there in pairs
            if not _is_close(here, there, record.score)
        ]
    return problems


def problems_of_front(
    path: Path, certificate: Certificate, instance: Instance, over: Sequence[str], *, is_coarse: bool
) -> list[str]:
    """Compare a front with the instance: score and costs of each network, limits, order, and that none dominates another.

    `over` are the resources of the front; with `is_coarse`, their costs were rounded up, so dominance is not checked.
    """
    front = Front.load(path)
    if tuple(front.resources) != instance.resources:
        return [f"{path.name} has the resources {', '.join(front.resources)}, not {', '.join(instance.resources)}"]
    places, scores = _Places(instance), list[int]()
    for row, text in enumerate(front.architecture):
        found = places.find(text)
        if found is None:
            return [f"{path.name}: row {row} is not a network of the space: {text}"]
        score, costs = total(instance, found)
        scores.append(score)
        claimed = {"score": float(front.score[row]), **{name: int(each[row]) for name, each in front.resources.items()}}
        wrong = list(differences(claimed, {"score": score * SCORE_UNIT, **costs}))
        if wrong:
            where, here, there = wrong[0]
            return [f"{path.name}: {where} of row {row} is {here}, but {there} in the tables"]
        if not certificate.budget.allows(costs):
            return [f"{path.name}: row {row} is outside the limits"]
    if not scores or (certificate.status == "optimal" and scores[0] != certificate.score):
        return [f"{path.name} does not begin with the best score"]
    if scores != sorted(scores) or (
        not is_coarse and _is_dominated(np.stack([front.resources[name] for name in over]))
    ):
        return [f"{path.name} is not in the order of scores, or holds networks that others dominate"]
    return []


def problems_of_latency(
    record: SearchRecord, certificate: Certificate, folder: RunFolder, file: Path, asked: int | None
) -> list[str]:
    """Compare the course of a latency budget with the limit `asked` in the settings, and with the certificate."""
    if record.latency is None or asked is None:
        return [] if record.latency is asked else [f"{RESULT}: latency is {record.latency}, but its limit is {asked}"]
    with understanding(file):
        values = {name: value for name, value in record.latency.items() if name not in ("is_met", "text")}
        rounds = from_plain(LatencyCheck, values).rounds
    runtime, last = str(read_json(folder.latency_report).get("runtime")), len(rounds) - 1
    measured = [each.measured_ns for each in rounds]
    is_met = bool(rounds) and measured[last] <= asked
    expected = LatencyCheck(
        asked_ns=asked,
        runtime=runtime,
        rounds=rounds,
        chosen=measured.index(min(measured)) if rounds and not is_met else max(0, last),
        is_exhausted=bool(rounds) and not is_met and last < MAX_SEARCHES_AGAIN,
    )
    problems = [
        f"{RESULT}: latency.{where} is {here}, but its limit and rounds give {there}"
        for where, here, there in differences(record.latency, json.loads(json.dumps(expected.to_dict())))
    ]
    limit, final, predicted = asked, asked, certificate.costs[LATENCY]
    for number, each in enumerate(rounds):
        if each.limit_ns != limit or each.predicted_ns > max(0, limit) or (number < last and measured[number] <= asked):
            problems.append(f"{RESULT}: round {number + 1} of latency does not follow from the rounds before it")
        if number == expected.chosen:
            final, predicted = max(0, limit), each.predicted_ns
        limit = min(limit, each.predicted_ns) - (each.measured_ns - asked)
    if (certificate.upper.get(LATENCY), certificate.costs[LATENCY]) != (final, predicted):
        problems.append(f"{RESULT}: latency and {CERTIFICATE} differ in limit or prediction")
    return problems


def problems_of_copies(
    folder: RunFolder, name: str, stored: Any, facts: Mapping[str, Any] | None, record: SearchRecord
) -> Iterator[str]:
    """Compare the answer with its copies: in the record of the run and beside trained weights."""
    for model in (folder.retrained(name), folder.inherited(name)):
        file = model / ARCHITECTURE
        if file.is_file():
            for where, here, there in differences(read_json(file), stored):
                yield f"{model.name}/{file.name}: {where} is {here}, but {there} in the answer of the search"
    if facts is not None:
        claimed = {key: value for key, value in facts.items() if key not in ("warnings", "latency")}
        expected = {"status": record.status, "score": record.score, **record.costs, "architecture": record.architecture}
        for where, here, there in differences(claimed, expected):
            yield f"record.json: {where} is {here}, but {there} in {RESULT}"


class _Places:
    """The row of every candidate of an instance by the width it receives and its text."""

    def __init__(self, instance: Instance) -> None:
        self.blocks = instance.blocks
        self.rows = [
            {key: row for row, key in enumerate(zip(block.width_in.tolist(), block.labels or (), strict=True))}
            for block in instance.blocks
        ]

    def find(self, text: str) -> tuple[int, ...] | None:
        """Return the row per block of a network, stem and head included; None if the instance does not hold it."""
        rows, parts = [0], [*text.split(" "), ""]
        if len(parts) != len(self.blocks) - 1:
            return None
        for before, places, part in zip(self.blocks[:-1], self.rows[1:], parts, strict=True):
            width = int(before.width_out[rows[-1]])
            row = places.get((width, part))
            if row is None:
                return None
            rows.append(row)
        return tuple(rows)


def _is_close(first: float | None, second: float | None, score: float) -> bool:
    if first is None or second is None:
        return first is second
    return isclose(first, second, rel_tol=ROUNDING, abs_tol=ROUNDING * abs(score) + SCORE_UNIT)


def _is_dominated(costs: np.ndarray) -> bool:
    """Return whether a network needs at least as much of every resource (a row each) as one of those before it."""
    rows = range(1, costs.shape[1])
    return any(bool((costs[:, :row] <= costs[:, row : row + 1]).all(axis=0).any()) for row in rows)
