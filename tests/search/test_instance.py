import numpy as np
import pytest

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search import Instance, InstanceBlock, enumerate_answers, score_to_int


def make_block(**changes) -> InstanceBlock:
    values = {
        "width_in": np.array([8, 8]),
        "width_out": np.array([16, 24]),
        "score": np.array([5, 3]),
        "costs": np.array([[1], [2]]),
        "order": np.array([0, 1]),
    }
    return InstanceBlock(**{**values, **changes})


def from_floats(**changes) -> InstanceBlock:
    values = {
        "width_in": [8, 8],
        "width_out": [16, 16],
        "score": [0.5, 0.25],
        "costs": {"macs": [1, 2]},
        "resources": ["macs"],
        "labels": ["16:b", "16:a"],
    }
    return InstanceBlock.from_floats(**{**values, **changes})


def test_size_counts_chains_exactly(draw_instance):
    for seed in range(100):
        instance, _ = draw_instance(seed)
        assert instance.size == len(enumerate_answers(instance))


def test_size_of_the_table_1_space_is_exact(table_1):
    assert table_1(0).size == 195_898_498_887_057_408


def test_order_is_the_rank_of_the_labels():
    assert from_floats().order.tolist() == [1, 0]


def test_scores_are_weighted_and_rounded():
    assert from_floats(weight=0.5).score.tolist() == [250_000_000_000, 125_000_000_000]
    assert score_to_int([1e-12, 4e-13]).tolist() == [1, 0]


def test_arrays_of_a_block_cannot_be_changed():
    score = np.array([5, 3])
    block = make_block(score=score)
    with pytest.raises(ValueError, match="read-only"):
        block.score[0] = 1
    score[0] = 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": [float("nan"), 1.0]}, "the score of candidate 16:b is missing"),
        ({"score": [0.5, float("-inf")]}, "the score of candidate 16:a is infinite"),
        ({"score": [0.5, None]}, "the score of candidate 16:a is missing"),
        ({"score": ["x", 1.0]}, "the scores are not numbers"),
        ({"score": [0.5, 1e9]}, r"the score of candidate 16:a is too large, 1e\+09"),
        ({"weight": -1.0}, "the weight of a block must be a number of at least 0, not -1"),
        ({"costs": {"macs": [1, -2]}}, "the cost 'macs' of candidate 16:a is negative, -2"),
        ({"costs": {"macs": [1.0, float("nan")]}}, "the cost 'macs' of candidate 16:a is missing"),
        ({"costs": {"macs": [1]}}, r"2 scores need 2 costs 'macs', not an array of shape \(1,\)"),
        ({"costs": {}}, "the costs lack the resource 'macs'"),
    ],
)
def test_bad_measurements_are_refused_in_one_sentence(changes, message):
    with pytest.raises(ConfigError, match=message):
        from_floats(**changes)


def test_an_unknown_resource_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="unknown resource 'macz'; did you mean macs"):
        from_floats(costs={"macs": [1, 2], "macz": [1, 2]})
    with pytest.raises(UnknownNameError, match="unknown resource 'latency'; known: macs"):
        Instance(blocks=(make_block(),), resources=("macs",)).column("latency")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"costs": np.array([[1], [-2]])}, "candidate number 1 has a negative cost, -2"),
        ({"costs": np.array([1, 2])}, r"a block of 2 scores cannot have costs of shape \(2,\)"),
        ({"order": np.array([3, 3])}, "two candidates of width 8 share the order 3"),
        ({"order": np.array([-1, 3])}, "an order must be between 0 and 2,147,483,647, not -1"),
        ({"labels": ["a"]}, "a block of 2 scores cannot have 1 labels"),
        ({"score": np.array([], np.int64)}, "a block needs at least one candidate"),
    ],
)
def test_a_malformed_block_is_refused_in_one_sentence(changes, message):
    with pytest.raises(ConfigError, match=message):
        make_block(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks": ()}, "an instance needs at least one block"),
        ({"resources": ("macs", "macs")}, "resources need different names"),
        ({"resources": ("macs", "params")}, "block 0 has 1 costs per candidate, expected 2: macs, params"),
        ({"combine": ("sum", "max")}, "each of the 1 resources combines by 'sum' or 'max'"),
        ({"blocks": (make_block(costs=np.array([[1], [2**60]])),) * 2}, "macs may add up to .* use a larger unit"),
        (
            {"blocks": (make_block(width_in=np.array([8, 9]), order=np.array([1, 1])),)},
            "the first block share an order",
        ),
    ],
)
def test_a_malformed_instance_is_refused_in_one_sentence(changes, message):
    with pytest.raises(ConfigError, match=message):
        Instance(**{"blocks": (make_block(),), "resources": ("macs",), **changes})


def test_two_rows_of_one_path_may_share_an_order_where_their_widths_differ():
    first = make_block()
    second = make_block(width_in=np.array([16, 24]), order=np.array([4, 4]))
    assert Instance(blocks=(first, second), resources=("macs",)).size == 2
