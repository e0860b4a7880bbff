"""Claims of a search beside its certificate, and the tables: one change of every column, row and fact is noticed or named."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import HelixError
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.ad_hoc.verify import NOT_VERIFIED, verify_run
from helixnas.pipeline.work.search import ARCHITECTURE, FRONT, RESULT
from helixnas.search.check.milp import MilpAnswer
from helixnas.search.config import SearchConfig


def problems(folder: RunFolder, search: str = "small") -> str:
    """Return the problems of a search, or the sentence of an error."""
    try:
        ((_, found),) = verify_run(folder, search, time_limit_s=60.0)
    except HelixError as error:
        return str(error)
    return "; ".join(found.problems)


@pytest.fixture(autouse=True)
def highs_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS, which takes a second each time, has tests of its own."""
    answer = MilpAnswer(status="unknown", seconds=0.0)
    monkeypatch.setattr("helixnas.search.check.verify.solve_within", lambda *_, **__: answer)


def other(value: Any) -> Any:
    if isinstance(value, str):
        return f"{value}x"
    return [*value[:-1], other(value[-1])] if isinstance(value, list) else value + 1


def edits(path: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield copies of a table with one value changed, a row or column less, other types, or another fact in the metadata."""
    table = pq.read_table(path)
    for place, name in enumerate(table.column_names):
        values = table[name].to_pylist()
        for row in range(len(values)):
            edited = [*values[:row], other(values[row]), *values[row + 1 :]]
            yield f"{name}, row {row}", table.set_column(place, name, pa.array(edited, table.schema.field(name).type))
        yield f"without {name}", table.remove_column(place)
        if pa.types.is_integer(table.schema.field(name).type):
            yield f"{name} as floats", table.set_column(place, name, table[name].cast(pa.float64()))
    for row in range(len(table)):
        yield f"without row {row}", pa.concat_tables([table.slice(0, row), table.slice(row + 1)])
    stamp = json.loads((table.schema.metadata or {})[b"helixnas"])
    for name, fact in stamp["facts"].items():
        for where, value in fact.items() if isinstance(fact, dict) else [("", fact)]:
            changed = {**fact, where: other(value)} if where else other(fact)
            edited = {**stamp, "facts": {**stamp["facts"], name: changed}}
            yield f"fact {name} {where}".strip(), table.replace_schema_metadata({"helixnas": json.dumps(edited)})
    for name, value in (("kind", "x"), ("version", 2), ("version", "1")):
        yield f"{name} {value!r}", table.replace_schema_metadata({"helixnas": json.dumps({**stamp, name: value})})


def unnoticed(folder: RunFolder, path: Path) -> list[str]:
    before = path.read_bytes()
    assert problems(folder) == ""
    found: list[str] = []
    for place, table in edits(path):
        pq.write_table(table, path)
        if not problems(folder):
            found.append(place)
    path.write_bytes(before)
    return found


def test_a_change_of_any_value_of_the_front_is_noticed(copy: RunFolder) -> None:
    found = unnoticed(copy, copy.search("small") / FRONT)
    assert [place for place in found if not place.startswith("without row")] == []
    assert "whether runners-up and front are complete" in NOT_VERIFIED


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 2])
def test_a_change_of_any_rating_is_noticed(block: int, copy: RunFolder) -> None:
    assert unnoticed(copy, copy.rating(block)) == []


@pytest.mark.slow
def test_a_change_of_any_cost_is_noticed_or_is_of_a_resource_that_the_search_does_not_use(copy: RunFolder) -> None:
    found = unnoticed(copy, copy.costs)
    assert [place for place in found if not place.startswith(("flops,", "activation_bytes,", "fact facts "))] == []
    assert "the ratings and costs themselves with their conditions, scores and costs that the search does not use" in (
        NOT_VERIFIED
    )


def edit_json(file: Path, *place: Any, value: Any) -> None:
    values = json.loads(file.read_text())
    inner = values
    for each in place[:-1]:
        inner = inner[each]
    inner[place[-1]] = value
    file.write_text(json.dumps(values))


def test_runners_up_that_are_not_networks_or_listed_twice_are_noticed(copy: RunFolder) -> None:
    file = copy.search("small") / RESULT
    first, second = (each["architecture"] for each in json.loads(file.read_text())["runners_up"][:2])
    edit_json(file, "runners_up", 1, "architecture", value=first)
    assert problems(copy) == "result.json lists a network twice"
    edit_json(file, "runners_up", 1, "architecture", value="12:mb3_k3")
    assert problems(copy) == "runner-up 2 is not a network of the space: 12:mb3_k3"
    edit_json(file, "runners_up", 1, "architecture", value=second)
    edit_json(file, "runners_up", 0, "difference", value=0.5)
    assert "the difference of runner-up 1 is " in problems(copy)


def test_a_copy_of_the_answer_that_was_changed_is_noticed(copy: RunFolder) -> None:
    edit_json(copy.retrained("small") / ARCHITECTURE, "head", "width", value=17)
    assert problems(copy) == "retrained/architecture.json: head.width is 17, but 16 in the answer of the search"


def test_figures_of_the_answer_in_the_record_of_the_run_are_compared(copy: RunFolder) -> None:
    edit_json(copy.record, "stages", "search:small", "facts", "macs", value=1)
    assert problems(copy).startswith("record.json: macs is 1, but ")


# A latency budget


@pytest.fixture
def timed(copy: RunFolder, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run in which larger parts are faster, whose networks take 100,200, 100,100 and 100,000 ns on the device."""
    counted = CostTable.load(copy.costs)
    params = counted.resources["params"]
    replace(counted, resources={"latency_ns": params.max() + 1 - params}).save(copy.latency)
    copy.latency_report.write_text(json.dumps({"runtime": "eager-cpu", "measured_here": True}))
    files = [str(file.relative_to(copy.path)) for file in (copy.latency, copy.latency_report)]
    stage = copy.stage_record(key="x", settings={}, files=files, facts={}, seconds=1.0)
    copy.save_record(copy.load_record().with_stage("latency", stage))
    taken = iter([100_200, 100_100, 100_000])
    monkeypatch.setattr("helixnas.pipeline.work.search.meter_of", lambda _: ("eager-cpu", lambda _: next(taken)))
    search_run(copy, "fast", SearchConfig(max={"latency_ms": 0.1}))
    return copy


def places(values: Any, *place: Any) -> Iterator[tuple[Any, ...]]:
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for name, each in inner:
        yield from places(each, *place, name)
    if place and not isinstance(values, dict | list):
        yield place


def test_a_change_of_any_value_of_a_latency_budget_is_noticed(timed: RunFolder) -> None:
    file = timed.search("fast") / RESULT
    before = file.read_text()
    course = json.loads(before)["latency"]
    assert (len(course["rounds"]), course["is_met"]) == (3, True)
    assert problems(timed, "fast") == ""
    unnoticed: list[str] = []
    for place in places(course):
        values: Any = course
        for each in place:
            values = values[each]
        edit_json(file, "latency", *place, value=not values if isinstance(values, bool) else other(values))
        if not problems(timed, "fast"):
            unnoticed.append(".".join(map(str, place)))
        file.write_text(before)
    assert unnoticed == []
