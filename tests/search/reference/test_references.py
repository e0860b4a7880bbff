from helixnas.search import Budget, compare_methods, enumerate_answers, is_within, solve
from helixnas.search.reference.references import search_by_evolution, search_greedily, search_randomly, traverse


def test_algorithm_2_is_exact_where_it_finishes(draw_instance):
    for seed in range(150):
        instance, budget = draw_instance(seed)
        found, expected = traverse(instance, budget, time_limit_s=60.0), enumerate_answers(instance, budget)
        assert found.finished
        assert (found.answer is None) == (not expected), seed
        if expected:
            assert found.answer.score == expected[0].score, seed


def test_no_reference_beats_the_search_or_breaks_a_limit(draw_instance):
    for seed in range(40):
        instance, budget = draw_instance(seed)
        best = solve(instance, budget)
        for found in compare_methods(instance, budget, seed=seed, num_architectures=300):
            if found.method == "brute force":
                assert found.answer == next(iter(best.answers), None), seed
            if found.answer is not None:
                assert is_within(found.answer, budget), (seed, found.method)
                slack = 1e-6 * abs(best.best().score) if found.method == "HiGHS" else 0
                assert found.answer.score >= best.best().score - slack, (seed, found.method)


def test_brute_force_is_left_out_where_there_is_too_much_to_look_at(draw_instance, table_1):
    small, large = (
        [found.method for found in compare_methods(instance, Budget(), seed=0, num_architectures=10, time_limit_s=0.0)]
        for instance in (draw_instance(0)[0], table_1(0))
    )
    assert small == ["brute force", *large]
    assert large == ["greedy per block", "random", "evolutionary", "Algorithm 2", "HiGHS"]


def test_every_reference_ends_on_a_budget_that_nothing_meets(table_1):
    instance = table_1(0)
    for found in compare_methods(
        instance, Budget(upper={"macs": 5}), seed=0, num_architectures=1_000, time_limit_s=20.0
    ):
        assert found.answer is None
        assert found.finished


def test_evolution_and_random_search_look_at_as_many_architectures_as_they_are_given(table_1):
    instance = table_1(0)
    budget = Budget(upper={"macs": int(0.8 * solve(instance, Budget()).best().costs["macs"])})
    random = search_randomly(instance, budget, num_architectures=2_000, seed=0)
    evolved = search_by_evolution(instance, budget, num_architectures=2_000, seed=0)
    assert random.num_architectures == evolved.num_architectures == 2_000
    assert evolved.answer.score < random.answer.score
    assert evolved.answer == search_by_evolution(instance, budget, num_architectures=2_000, seed=0).answer
    assert search_greedily(instance, budget).answer is not None


def test_algorithm_2_stops_at_its_time_limit(table_1):
    instance = table_1(0)
    budget = Budget(upper={"macs": int(0.7 * solve(instance, Budget()).best().costs["macs"])})
    found = traverse(instance, budget, time_limit_s=0.05)
    assert not found.finished
    assert found.seconds < 2


def test_random_search_reaches_every_architecture(draw_instance):
    for seed in range(10):
        instance, _ = draw_instance(seed)
        answers = enumerate_answers(instance)
        if 0 < len(answers) < 300:
            found = search_randomly(instance, Budget(), num_architectures=20_000, seed=0)
            assert found.answer.score == answers[0].score, seed
