from dataclasses import replace

import numpy as np
import pytest

from helixnas.errors import ConfigError
from helixnas.search import Budget, certify, enumerate_answers, solve, verify
from helixnas.search.check.verify import NOT_VERIFIED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "rows"),
    [(0, None), *((seed, 1500) for seed in range(20))],  # HiGHS takes 8 GB and minutes for most of them with all rows
)
def test_highs_agrees_on_spaces_with_the_widths_of_table_1(table_1, seed, rows):
    instance = replace(table_1(seed), combine=("sum", "sum", "max" if seed % 4 == 3 else "sum"))
    if rows is not None:
        instance = replace(instance, blocks=tuple(_some_rows(block, rows) for block in instance.blocks))
    free = solve(instance, Budget()).best()
    share = 0.6 + 0.02 * seed % 0.3
    names = instance.resources[: 1 + seed % 3]
    shares = {"sum": share, "max": 0.97}  # the largest of all blocks cannot fall far below that of the best
    upper = {
        name: int(shares[how] * free.costs[name])
        for name, how in zip(instance.resources, instance.combine, strict=True)
        if name in names
    }
    lower = {"params": int(0.9 * upper["params"])} if seed % 4 == 1 else {}
    budget = Budget(upper=upper, lower=lower)
    checked = verify(instance, certify(solve(instance, budget)), time_limit_s=600.0)
    assert (checked.problems, checked.claim, checked.verdict) == ((), "optimum", "confirmed")


def test_right_certificates_hold_by_text_and_by_row(draw_instance):
    for seed in range(40):
        instance, budget = draw_instance(seed)
        certificate = certify(solve(instance, budget))
        checked = verify(instance, certificate)
        assert checked.holds, (seed, checked.sentence)
        assert checked.verdict == "confirmed", (seed, checked.sentence)
        assert checked.claim == ("optimum" if certificate.architecture else "infeasible")
        if certificate.architecture:
            rows = solve(instance, budget).best().rows
            assert verify(instance, replace(certificate, architecture=rows)).holds


def test_wrong_claims_are_named(draw_instance):
    instance, _ = draw_instance(1)
    certificate = certify(solve(instance, Budget()))
    name = instance.resources[0]
    cost = certificate.costs[name]
    wrong = replace(
        certificate,
        instance_hash="0" * 64,
        space_size=instance.size + 1,
        score=certificate.score + 1,
        costs={name: cost + 5},
        upper={name: cost - 1},
        lower={name: cost + 1},
        bound=certificate.score - 2,
    )
    sentence = verify(instance, wrong).sentence
    assert "the certificate is of other scores or costs" in sentence
    assert f"architectures, not {instance.size + 1:,}" in sentence
    assert f"the score is {certificate.score:,}, not {certificate.score + 1:,}" in sentence
    assert f"{name} is {cost:,}, not {cost + 5:,}" in sentence
    assert f"{name} is {cost:,}, above {cost - 1:,}" in sentence
    assert f"{name} is {cost:,}, below {cost + 1:,}" in sentence
    assert "below the score, so the answer is not proven" in sentence
    assert sentence.endswith(NOT_VERIFIED)


def test_the_gap_and_the_absence_of_an_answer_are_checked(draw_instance):
    instance, _ = draw_instance(1)
    certificate = certify(solve(instance, Budget()))
    assert "the gap is 0.0, not 0.5" in verify(instance, replace(certificate, gap=0.5)).problems
    assert (
        "it claims that there is no answer, and holds one"
        in verify(instance, replace(certificate, status="infeasible")).problems
    )
    name = instance.resources[0]
    assert (
        f"{name} is {certificate.costs[name]:,}, not missing"
        in verify(instance, replace(certificate, costs={})).problems
    )


def test_the_worst_architecture_is_refuted_however_small_the_scores_are(draw_instance):
    instance, _ = draw_instance(3)
    for scale in (1, 10**6):
        blocks = tuple(replace(block, score=block.score // scale) for block in instance.blocks)
        small = replace(instance, blocks=blocks)
        answers = enumerate_answers(small, Budget())
        best, worst = certify(solve(small, Budget())), answers[-1]
        assert worst.score > best.score
        wrong = replace(
            best, score=worst.score, bound=worst.score, costs=dict(worst.costs), architecture=worst.labels or worst.rows
        )
        assert verify(small, best).verdict == "confirmed"
        assert verify(small, wrong).verdict == "refuted"


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (10**6, 0), (10**6, 10**15)])
def test_every_worse_architecture_is_refuted_however_small_the_differences_are(draw_instance, scale, offset):
    instance, _ = draw_instance(3)
    blocks = tuple(replace(block, score=block.score // scale + offset) for block in instance.blocks)
    small = replace(instance, blocks=blocks)
    answers, best = enumerate_answers(small, Budget()), certify(solve(small, Budget()))
    assert verify(small, best).verdict == "confirmed"
    worse = [answer for answer in answers if answer.score > best.score]
    for answer in (worse[0], worse[len(worse) // 2], worse[-1]):
        costs, architecture = dict(answer.costs), answer.labels or answer.rows
        wrong = replace(best, score=answer.score, bound=answer.score, costs=costs, architecture=architecture)
        assert verify(small, wrong).verdict == "refuted"


@pytest.mark.slow
def test_a_worse_answer_a_wrong_bound_and_a_false_infeasibility_are_refuted(table_1):
    instance = table_1(0)
    instance = replace(instance, blocks=tuple(_some_rows(block, 200) for block in instance.blocks))
    budget = Budget(upper={"macs": int(0.8 * solve(instance, Budget()).best().costs["macs"])})
    result = solve(instance, budget, num_best=200)
    assert verify(instance, certify(result)).verdict == "confirmed"
    worse = certify(replace(result, answers=result.answers[-1:], bound=result.answers[-1].score))
    assert (verify(instance, worse).verdict, verify(instance, worse).holds) == ("refuted", False)
    assert "optimum: refuted by HiGHS (" in verify(instance, worse).sentence
    loose = replace(worse, status="feasible", bound=result.best().score - 10**9)
    assert (verify(instance, loose).claim, verify(instance, loose).verdict) == ("bound", "confirmed")
    tight = replace(worse, status="feasible", bound=result.best().score + 10**9)
    assert verify(instance, tight).verdict == "refuted"
    none = certify(solve(instance, Budget(upper={"macs": 1})))
    assert verify(instance, none).verdict == "confirmed"
    assert verify(instance, replace(none, upper=dict(budget.upper))).verdict == "refuted"


def test_without_time_the_optimum_is_not_confirmed(table_1):
    instance = table_1(0)
    checked = verify(instance, certify(solve(instance, Budget())), time_limit_s=0.0)
    assert (checked.verdict, checked.holds) == ("not confirmed", True)
    assert checked.sentence.startswith(
        "what the certificate says agrees with the tables; optimum: not confirmed by HiGHS (0.0 s)"
    )


def test_an_architecture_of_another_instance_is_refused(table_1):
    instance = table_1(0)
    certificate = certify(solve(instance, Budget()))
    with pytest.raises(ConfigError, match=r"an architecture of 1 parts does not fit \d blocks"):
        verify(instance, replace(certificate, architecture=("x",)))
    with pytest.raises(ConfigError, match="block 0 has 0 candidates 'x'"):
        verify(instance, replace(certificate, architecture=("x",) * len(instance.blocks)))


def _some_rows(block, number):
    rows = np.arange(0, len(block), max(1, len(block) // number))
    return replace(
        block,
        width_in=block.width_in[rows],
        width_out=block.width_out[rows],
        score=block.score[rows],
        costs=block.costs[rows],
        order=block.order[rows],
    )
