import numpy as np

from helixnas.search import Budget, Instance, InstanceBlock, enumerate_answers
from helixnas.search.exact.chain import Limits, build_chain
from helixnas.search.exact.feasibility import to_limits


def block(width_in, width_out, macs):
    rows = len(macs)
    return InstanceBlock(
        width_in=np.array(width_in),
        width_out=np.array(width_out),
        score=np.zeros(rows, np.int64),
        costs=np.array(macs)[:, None],
        order=np.arange(rows),
    )


def test_candidates_are_counted_by_the_reason_they_go_for():
    first = block([3, 3, 3], [8, 16, 99], [1, 2, 3])
    second = block([8, 8, 16, 77], [4, 4, 4, 4], [10, 20, 5, 1])
    instance = Instance(blocks=(first, second), resources=("macs",))
    chain = build_chain(instance, Limits(upper={0: 12}, lower={}))
    assert (chain.unconnected, chain.over_limit) == (2, 1)
    assert [link.row.tolist() for link in chain.links] == [[0, 1], [0, 2]]
    assert chain.num_architectures == 2
    assert (chain.ahead[0].least.item(), chain.ahead[0].most.item()) == (7, 11)


def test_a_chain_holds_every_architecture_of_the_instance(draw_instance):
    for seed in range(60):
        instance, _ = draw_instance(seed)
        chain = build_chain(instance, Limits(upper={}, lower={}))
        assert (0 if chain.is_empty else chain.num_architectures) == instance.size, seed


def test_every_candidate_of_an_answer_stays(draw_instance):
    for seed in range(60):
        instance, budget = draw_instance(seed)
        chain = build_chain(instance, to_limits(instance, budget))
        kept = [set(link.row.tolist()) for link in chain.links]
        for answer in enumerate_answers(instance, budget):
            assert all(row in rows for row, rows in zip(answer.rows, kept, strict=True)), seed


def test_with_one_limit_exactly_the_candidates_of_answers_stay(draw_instance):
    for seed in range(60):
        instance, _ = draw_instance(seed)
        answers = enumerate_answers(instance)
        if not answers:
            continue
        costs = sorted(answer.costs[instance.resources[0]] for answer in answers)
        budget = Budget(upper={instance.resources[0]: costs[len(costs) // 3]})
        chain = build_chain(instance, to_limits(instance, budget))
        used = zip(*(answer.rows for answer in enumerate_answers(instance, budget)), strict=True)
        assert [set(link.row.tolist()) for link in chain.links] == [set(rows) for rows in used], seed
