"""Certificates of a run against its tables."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from helixnas.artifacts import RatingTable
from helixnas.artifacts.files import read_text, write_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, HelixError, InfeasibleBudgetError, UnknownNameError
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.ad_hoc.verify import verify_run
from helixnas.pipeline.work.search import ARCHITECTURE, CERTIFICATE, RESULT
from helixnas.search import Certificate
from helixnas.search.check.milp import MilpAnswer
from helixnas.search.config import SearchConfig


def problems(folder: RunFolder) -> str:
    ((_, found),) = verify_run(folder, "small", time_limit_s=60.0)
    return "; ".join(found.problems)


def test_the_certificates_of_every_search_hold(copy: RunFolder) -> None:
    search_run(copy, "weighed", SearchConfig(max={"macs": "150%"}, min={"params": "1k"}, weights=(0.25, 1.0)))
    search_run(copy, "both", SearchConfig(scores=("relative_l1", "task_kl"), max={"macs": "150%"}))
    with pytest.raises(InfeasibleBudgetError):
        search_run(copy, "none", SearchConfig(max={"macs": "1k"}))
    found = dict(verify_run(copy, None, time_limit_s=60.0))
    assert list(found) == ["both", "none", "small", "weighed"]
    assert all(each.holds and each.verdict == "confirmed" for each in found.values())
    assert found["none"].claim == "infeasible"


def test_without_time_nothing_is_confirmed_and_nothing_refuted(copy: RunFolder) -> None:
    ((_, found),) = verify_run(copy, "small", time_limit_s=0.0)
    assert (found.holds, found.verdict) == (True, "not confirmed")
    assert "optimum: not confirmed by HiGHS" in found.sentence


def test_ratings_that_changed_since_are_noticed(copy: RunFolder) -> None:
    table = RatingTable.load(copy.rating(1))
    replace(table, scores={"relative_l1": table.scores["relative_l1"] * 1.5}).save(copy.rating(1))
    said = problems(copy)
    assert "the certificate is of other scores or costs" in said
    assert "the ratings sum to" in said


def test_an_architecture_that_was_exchanged_is_noticed(copy: RunFolder) -> None:
    ((_, other),) = search_run(copy, "other", SearchConfig(max={"macs": "70%"}))
    write_text(copy.search("small") / "architecture.json", other.architecture.to_json())
    assert f"architecture.json holds {other.architecture.text}, not" in problems(copy)


def test_figures_that_were_changed_by_hand_are_noticed(copy: RunFolder) -> None:
    file = copy.search("small") / CERTIFICATE
    certificate = Certificate.load(file)
    replace(certificate, costs={**certificate.costs, "macs": 7}, space_size=23).save(file)
    said = problems(copy)
    assert "macs is" in said
    assert "not 7" in said
    assert "the space of the settings holds 24 architectures" in said
    write_text(file, read_text(file).replace('"macs"', '"mads"'))
    with pytest.raises(UnknownNameError, match="unknown resource 'mads'; did you mean macs"):
        problems(copy)


def test_a_search_that_was_not_made_is_told(copy: RunFolder) -> None:
    with pytest.raises(UnknownNameError, match="unknown search 'smal'; did you mean small"):
        verify_run(copy, "smal", time_limit_s=1.0)
    (copy.search("small") / CERTIFICATE).unlink()
    with pytest.raises(ArtifactError, match="no search of .* has a certificate; make one with: helixnas search"):
        verify_run(copy, None, time_limit_s=1.0)


def test_a_space_that_was_removed_from_the_settings_is_told(copy: RunFolder) -> None:
    copy.config.write_text("name: tiny\n")
    with pytest.raises(ArtifactError, match=r"was changed by hand and lacks settings \('space'\)"):
        verify_run(copy, None, time_limit_s=1.0)


NOT_CHECKED = {
    CERTIFICATE: {"num_answers", "pruning", "reason"},
    RESULT: {"seconds", "warnings"},
    ARCHITECTURE: set[str](),
}
"""Fields that the sentence of a verification lists as not verified."""


def changed(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return str(int(value) + 1) if value.isdigit() else f"{value}x"
    return [*value, "x"] if isinstance(value, list) else {**value, "x": 1}


def leaves(value: Any, *place: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value that holds no others, and of every list and mapping."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from leaves(each, *place, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [CERTIFICATE, RESULT, ARCHITECTURE])
def test_a_change_of_any_field_is_noticed_or_named_as_not_verified(
    name: str, copy: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Certificate.load(copy.search("small") / CERTIFICATE).score
    assert score is not None
    answer = MilpAnswer(
        status="optimal", score=score, bound=float(score), seconds=0.0
    )  # HiGHS takes a second each time
    monkeypatch.setattr("helixnas.search.check.verify.solve_within", lambda *_, **__: answer)
    file = copy.search("small") / name
    before = json.loads(file.read_text())
    unnoticed: list[str] = []
    for place in leaves(before):
        if not place or place[0] in NOT_CHECKED[name]:
            continue
        values = json.loads(file.read_text())
        *path, last = place
        inner = values
        for each in path:
            inner = inner[each]
        inner[last] = changed(inner[last])
        file.write_text(json.dumps(values))
        try:
            found = verify_run(copy, "small", time_limit_s=60.0)[0][1]
            if found.holds:
                unnoticed.append(".".join(map(str, place)))
        except HelixError:
            pass
        file.write_text(json.dumps(before))
    assert unnoticed == []


def other_forms(value: Any) -> list[Any]:
    """Return values that Python takes for the same, or that convert to it."""
    if isinstance(value, bool):
        return [int(value), str(value)]
    if isinstance(value, int):
        return [float(value), str(value), *([bool(value)] if value in (0, 1) else [])]
    if isinstance(value, float):
        return [str(value), *([int(value), bool(value)] if value in (0.0, 1.0) else [])]
    if isinstance(value, str):
        return [
            [value],
            *([int(value), float(value), f" {value}", f"+{value}", f"0{value}"] if value.isdigit() else []),
        ]
    return [other for other in ({}, [], 0, False, "") if not value and type(other) is not type(value)]


def edits(values: Any) -> Iterator[tuple[str, Any]]:
    """Yield copies of plain values with one value in another form, or one entry removed, and the place of the edit."""
    for place in leaves(values):
        if not place:
            continue
        for other in [*other_forms(find(values, place)), "removed"]:
            edited = json.loads(json.dumps(values))
            *path, last = place
            inner = find(edited, path)
            if other == "removed":
                del inner[last]
            else:
                inner[last] = other
            yield f"{'.'.join(map(str, place))} = {other!r}", edited


def find(values: Any, place: Iterable[Any]) -> Any:
    for each in place:
        values = values[each]
    return values


def holds(folder: RunFolder, search: str) -> bool:
    try:
        return verify_run(folder, search, time_limit_s=60.0)[0][1].holds
    except HelixError:
        return False


@pytest.fixture
def highs_agrees(copy: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS takes a second each time."""
    score = Certificate.load(copy.search("small") / CERTIFICATE).score
    assert score is not None
    answer = MilpAnswer(status="optimal", score=score, bound=float(score), seconds=0.0)
    monkeypatch.setattr("helixnas.search.check.verify.solve_within", lambda *_, **__: answer)


@pytest.mark.slow
@pytest.mark.usefixtures("highs_agrees")
@pytest.mark.parametrize("name", [CERTIFICATE, RESULT, ARCHITECTURE])
def test_another_form_of_any_value_or_a_missing_field_is_noticed(name: str, copy: RunFolder) -> None:
    file = copy.search("small") / name
    before = json.loads(file.read_text())
    assert holds(copy, "small")
    unnoticed: list[str] = []
    for place, edited in edits(before):
        file.write_text(json.dumps(edited))
        if holds(copy, "small") and not place.startswith(("pruning.", "warnings.")):
            unnoticed.append(place)
    assert unnoticed == []


WRONG = (math.nan, math.inf, "x", None, [1], {"x": 1}, True)


@pytest.mark.slow
@pytest.mark.parametrize("search", ["small", "none"])
@pytest.mark.parametrize("name", [CERTIFICATE, RESULT, ARCHITECTURE])
def test_a_value_of_another_kind_in_any_field_is_a_finding_or_one_sentence(
    name: str, search: str, copy: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    if search == "none":
        if name != CERTIFICATE:
            pytest.skip("a search without answer leaves its certificate alone")
        with pytest.raises(InfeasibleBudgetError):
            search_run(copy, "none", SearchConfig(max={"macs": "1k"}))
    answer = MilpAnswer(status="infeasible", score=None, bound=None, seconds=0.0)
    if search == "small":
        score = Certificate.load(copy.search("small") / CERTIFICATE).score or 0
        answer = MilpAnswer(status="optimal", score=score, bound=float(score), seconds=0.0)
    monkeypatch.setattr("helixnas.search.check.verify.solve_within", lambda *_, **__: answer)
    file = copy.search(search) / name
    before = json.loads(file.read_text())
    unnoticed: list[str] = []
    for number, place in enumerate(leaves(before)):
        if not place or place[0] in NOT_CHECKED[name] | {"version"}:
            continue
        for wrong in (math.inf, WRONG[number % len(WRONG)]):
            values = json.loads(file.read_text())
            *path, last = place
            inner = values
            for each in path:
                inner = inner[each]
            if inner[last] in (wrong, None):
                continue
            inner[last] = wrong
            file.write_text(json.dumps(values))
            try:
                found = verify_run(copy, search, time_limit_s=60.0)[0][1]
                if found.holds and found.sentence:
                    unnoticed.append(f"{'.'.join(map(str, place))} = {wrong}")
            except HelixError:
                pass
            file.write_text(json.dumps(before))
    assert unnoticed == []


def test_a_bound_of_no_answer_is_noticed(copy: RunFolder) -> None:
    with pytest.raises(InfeasibleBudgetError):
        search_run(copy, "none", SearchConfig(max={"macs": "1k"}))
    file = copy.search("none") / CERTIFICATE
    replace(Certificate.load(file), bound=7, gap=0.5).save(file)
    ((_, found),) = verify_run(copy, "none", time_limit_s=60.0)
    assert found.problems == ("it claims that there is no answer, and holds a bound or gap of one",)


def test_limits_of_no_answer_that_the_settings_do_not_give_are_noticed(copy: RunFolder) -> None:
    with pytest.raises(InfeasibleBudgetError):
        search_run(copy, "none", SearchConfig(max={"macs": "1k"}))
    settings = yaml.safe_load(copy.config.read_text())
    settings["searches"]["none"] = {"max": {"macs": "2k"}}
    copy.config.write_text(yaml.safe_dump(settings))
    ((_, found),) = verify_run(copy, "none", time_limit_s=60.0)
    assert found.problems == ("the upper limit of macs is 1000, but the settings say 2000",)


def test_an_edited_mean_of_the_ratings_is_noticed(copy: RunFolder) -> None:
    table = pq.read_table(copy.rating(1))
    place = table.column_names.index("relative_l1")
    edited = table.set_column(place, "relative_l1", pa.array(table["relative_l1"].to_numpy() * 0.9))
    pq.write_table(edited, copy.rating(1))
    with pytest.raises(ArtifactError, match="block-1.parquet is .*damaged .the column relative_l1 is not the mean"):
        problems(copy)


def test_limits_that_the_settings_do_not_give_are_noticed(copy: RunFolder) -> None:
    settings = yaml.safe_load(copy.config.read_text())
    settings["searches"]["small"]["max"] = {"params": "90k"}
    copy.config.write_text(yaml.safe_dump(settings))
    assert "max.params is 100k, but 90k in config.yaml" in problems(copy)
