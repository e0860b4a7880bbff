"""The embedded data: the page's rule of choice, in Python, gives what a search gives, ties included."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts import RatingTable
from helixnas.report.explorer import data as module
from helixnas.report.explorer.answers import answers_of
from helixnas.report.explorer.data import explorer_data
from helixnas.report.reading import read_run


def data_of(run: Any) -> dict[str, Any]:
    """Return the data of a run as the page's script reads them."""
    files = read_run(run.folder)
    found = answers_of(files)
    assert found is not None
    text, _ = explorer_data(files, found)
    assert "<" not in text
    return json.loads(text)


class Embedded:
    """The rule of `model.js` in Python, on the same data."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data, blocks = data, data["blocks"]
        flat = np.frombuffer(base64.b64decode(data["answers"]), dtype=f"<u{data['size']}")
        self.rows = flat.reshape(-1, len(blocks)).astype(int)
        self.costs = {}
        for column, cost in enumerate(data["costs"]):
            parts = [np.array(block["costs"][column])[rows] for block, rows in zip(blocks, self.rows.T, strict=True)]
            total = np.max(parts, axis=0) if data["combine"][column] == "max" else np.sum(parts, axis=0)
            self.costs[cost["resource"]] = total
        self.group = np.cumsum([place not in set(data["equal"]) for place in range(len(self.rows))])

    def choose(self, limits: Mapping[str, int]) -> str:
        fits = [
            place
            for place in range(len(self.rows))
            if all(self.costs[name][place] <= limit for name, limit in limits.items())
        ]
        if not fits:
            return ""
        ties = [self.costs[name] for name in (*limits, "macs", "params")]
        best = min(fits, key=lambda place: (self.group[place], *(costs[place] for costs in ties), place))
        drawing = self.data["drawing"]
        columns = drawing["columns"][drawing["stem"] :]
        return " ".join(
            column["paths"][row]["text"] for column, row in zip(columns, self.rows[best, 1:-1], strict=True)
        )


@pytest.mark.slow
def test_the_choice_is_that_of_a_search_for_all_kinds_of_limits(tied: Any, searching: Callable[..., Any]) -> None:
    embedded, search = Embedded(data_of(tied)), searching(tied)
    names = [slider["resource"] for slider in embedded.data["sliders"]]
    rng, found = np.random.default_rng(0), list[str]()
    for number in range(60):
        limited = [name for place, name in enumerate(names) if (number >> place) % 2]
        limits = {name: int(rng.choice(embedded.costs[name])) - int(rng.integers(2)) for name in limited}
        found.append(embedded.choose(limits))
        assert found[-1] == search(limits), limits
    assert len(set(found)) > 8
    assert "" in found
    assert embedded.data["equal"]


def test_weights_and_scores_of_the_first_search_are_kept(
    tied: Any, searching: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tied.search("small", [])
    file = tied.folder / "searches" / "small" / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"weights": [0.25, 2.0], "scores": ["relative_l1"]}))
    data = data_of(tied)
    assert data["command"]["options"] == " --weights 0.25,2.0 --scores relative_l1"
    assert data["command"]["name"] == "-weights-0.25-2.0-scores-relative_l1"
    search = searching(tied, weights=(0.25, 2.0), scores=("relative_l1",))
    embedded = Embedded(data)
    for limit in range(3, 13):
        assert embedded.choose({"macs": limit}) == search({"macs": limit})


def test_a_slider_begins_at_the_limit_of_the_first_search(tied: Any) -> None:
    tied.search("small", [])
    sliders = data_of(tied)["sliders"]
    assert {each["resource"]: each["start"] for each in sliders} == {
        "macs": 160_000,
        "latency_ns": None,
        "params": None,
    }


def test_latency_is_limited_in_milliseconds_and_has_its_error(tied: Any) -> None:
    (cost,) = (each for each in data_of(tied)["costs"] if each["resource"] == "latency_ns")
    assert (cost["option"], cost["unit"], cost["title"]) == ("latency_ms", 1_000_000, "predicted latency")
    assert cost["note"] == "sums of parts are off by 9 % in the median, 9 % at worst"


def test_scores_on_batches_are_those_of_the_rows_unless_there_are_too_many(
    tied: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of(tied)
    assert data["batches"]["weights"] == [0.5, 0.5]
    for block, scores in zip(data["blocks"][1:-1], data["batches"]["scores"], strict=True):
        assert np.allclose(np.mean(scores, axis=1), block["score"])
    monkeypatch.setattr(module, "MOST_BATCH_SCORES", 3)
    assert data_of(tied)["batches"] is None


def test_every_kind_of_score_is_shown_where_several_were_rated(tied: Any) -> None:
    assert data_of(tied)["kinds"] == []
    for file in (tied.folder / "ratings").glob("block-*.parquet"):
        table = RatingTable.load(file)
        replace(table, scores={**table.scores, "task_kl": 2 * table.batches()}).save(file)
    data = data_of(tied)
    first, second = data["kinds"]
    assert (first["title"], second["title"]) == ("relative L1 (Eq. 7)", "task_kl")
    for block, one, other in zip(data["blocks"][1:-1], first["values"], second["values"], strict=True):
        assert np.allclose(one, block["score"])
        assert np.allclose(other, 2 * np.array(one))


def test_every_layer_of_the_drawing_is_an_operation_with_its_colour(tied: Any) -> None:
    drawing = data_of(tied)["drawing"]
    assert [column["title"] for column in drawing["columns"]] == ["Stem", "Block 1", "Block 2"]
    for column in drawing["columns"][1:]:
        for path in column["paths"]:
            names = [drawing["bars"][bar]["name"] for bar in path["bars"]]
            assert path["text"] == f"{path['width']}:{','.join(names)}"
