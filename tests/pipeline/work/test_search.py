"""Named searches of a run: limits, answers, fronts, certificates."""

from dataclasses import replace

import pytest

from helixnas.artifacts import Front, RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import InfeasibleBudgetError, UnknownNameError
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.work.search import CERTIFICATE, COMPARISON, find_diverse, load_search, teacher_costs
from helixnas.search import Certificate, distance
from helixnas.search.config import SearchConfig


def test_limits_of_several_resources_and_shares_of_the_teacher_hold_together(copy: RunFolder) -> None:
    teacher = teacher_costs(copy.load_record())
    limits = SearchConfig(max={"macs": "150%", "params": "4k"}, min={"macs": "60%"})
    ((_, outcome),) = search_run(copy, "both", limits)
    assert dict(outcome.result.budget.upper) == {"macs": int(1.5 * teacher["macs"]), "params": 4000}
    assert outcome.result.budget.lower["macs"] == int(0.6 * teacher["macs"])
    for answer in outcome.result.answers:
        assert 0.6 * teacher["macs"] - 1 < answer.costs["macs"] <= 1.5 * teacher["macs"]
        assert answer.costs["params"] <= 4000
    assert load_search(copy, "both") == limits


def test_shares_are_of_everything_that_is_counted_of_the_teacher(copy: RunFolder) -> None:
    record = copy.load_record()
    teacher = teacher_costs(record)
    assert list(teacher) == ["params", "macs", "flops", "activation_bytes"]
    assert teacher["flops"] > teacher["macs"]
    ((_, outcome),) = search_run(copy, "half", SearchConfig(max={"flops": "150%", "activation_bytes": "300%"}))
    upper = outcome.result.budget.upper
    assert upper == {"flops": int(1.5 * teacher["flops"]), "activation_bytes": 3 * teacher["activation_bytes"]}
    older = replace(record.stages["teacher"], facts={"params": 1, "macs": 2})
    assert teacher_costs(record.with_stage("teacher", older)) == {"params": 1, "macs": 2}


def test_several_scores_are_added_up_by_their_spread(copy: RunFolder) -> None:
    names = ("relative_l1", "task_kl")
    ((name, both),) = search_run(copy, None, SearchConfig(scores=names))
    ((_, first),) = search_run(copy, "first", SearchConfig())
    assert name == "scores-relative_l1-task_kl"
    assert first.scores == {"relative_l1": 1.0}
    ratings = [RatingTable.load(copy.rating(k)) for k in (1, 2)]
    spreads = {each: sum(table.mean(each).var() for table in ratings) ** 0.5 for each in names}
    assert both.scores == pytest.approx({each: 1 / spread for each, spread in spreads.items()})
    expected, width = 0.0, int(ratings[0].previous_width[0])
    for table, path in zip(ratings, both.architecture.paths, strict=True):
        row = table.row(width, path.text)
        expected += sum(table.mean(each)[row] / spreads[each] for each in names)
        width = path.width
    assert both.result.best().score * 1e-12 == pytest.approx(expected)
    assert load_search(copy, name) == SearchConfig(scores=names)
    with pytest.raises(UnknownNameError, match="unknown score 'final_error'"):
        search_run(copy, None, SearchConfig(scores=("final_error",)))


def test_every_search_leaves_a_certificate_of_its_answer(finished: RunFolder) -> None:
    assert f"searches/small/{CERTIFICATE}" in finished.load_record().stages["search:small"].files
    certificate = Certificate.load(finished.search("small") / CERTIFICATE)
    assert (certificate.status, certificate.space_size, certificate.gap) == ("optimal", 24, 0)
    assert certificate.bound == certificate.score


def test_a_budget_that_cannot_be_met_leaves_a_certificate_and_no_result(copy: RunFolder) -> None:
    with pytest.raises(InfeasibleBudgetError, match="no architecture has macs <= 1,000"):
        search_run(copy, "none", SearchConfig(max={"macs": "1k"}))
    certificate = Certificate.load(copy.search("none") / CERTIFICATE)
    assert (certificate.status, certificate.score, certificate.bound) == ("infeasible", None, None)
    assert "no architecture has macs <= 1,000" in certificate.reason
    assert copy.search_names() == ["small"]


def test_the_front_weighs_the_score_against_the_resources_asked_for(copy: RunFolder) -> None:
    ((name, outcome),) = search_run(copy, None, SearchConfig(front=("params", "macs")))
    assert name == "front-params-macs"
    assert outcome.result.front.resources == ("params", "macs")
    front = Front.load(copy.search(name) / "front.parquet")
    assert front.architecture == tuple(answer.text for answer in outcome.result.front)
    ((_, coarse),) = search_run(copy, "coarse", SearchConfig(front=("macs",), resolution={"macs": "100k"}))
    assert coarse.result.front.steps == {"macs": 100_000}
    with pytest.raises(UnknownNameError, match="unknown resource in front 'latency'"):
        search_run(copy, "odd", SearchConfig(front=("latency",)))


def test_as_many_answers_as_are_asked_for_are_found_and_weights_count(copy: RunFolder) -> None:
    ((_, outcome),) = search_run(copy, "all", SearchConfig(weights=(2.0, 1.0)), num_best=20)
    assert len(outcome.result.answers) == 20
    assert len(outcome.comparisons) == 10
    assert Certificate.load(copy.search("all") / CERTIFICATE).weights == (2.0, 1.0)


def test_diverse_answers_keep_their_distance_in_layers(copy: RunFolder) -> None:
    ((_, outcome),) = search_run(copy, "wide", SearchConfig(max={"macs": "190%"}))
    diverse = find_diverse(copy, outcome, number=4, min_distance=2)
    answers = diverse.answers
    assert answers[0].text == outcome.architecture.text
    assert len(answers) > 1
    assert all(distance(diverse.instance, a, b) >= 2 for a in answers for b in answers if a is not b)


def test_a_new_outcome_removes_a_comparison_of_the_old_one(copy: RunFolder) -> None:
    limits = SearchConfig(max={"macs": "190%"})
    search_run(copy, "again", limits)
    (copy.search("again") / COMPARISON).write_text("{}")
    search_run(copy, "again", limits)
    assert not (copy.search("again") / COMPARISON).exists()
