"""Parts: every operation once in every context, and costs combined along the chain."""

import numpy as np
import torch

from helixnas.costs import Input, parts
from helixnas.costs.parts import Part, fill_table
from helixnas.space import SearchSpace


def test_every_context_is_named_once_and_builds_what_it_says(tiny: SearchSpace, given: Input) -> None:
    found = parts(tiny, given)
    assert list(found) == [
        "stem-3-8",
        "mb2_k3-8-8-s1-8",
        "mb2_k3-8-12-s1-8",
        "mb2_k3-12-12-s1-8",
        "mb2_k3-8-12-s2-8",
        "mb2_k3-12-12-s2-8",
        "head-12-4",
    ]
    with torch.device("meta"):
        shapes = {name: tuple(part.build().eval()(torch.empty(part.shape(2))).shape) for name, part in found.items()}
    assert shapes["mb2_k3-8-12-s2-8"] == (2, 12, 4, 4)
    assert shapes["stem-3-8"] == (2, 8, 8, 8)
    assert shapes["head-12-4"] == (2, 3)


def test_sums_and_maxima_follow_the_layers_of_a_path(tiny: SearchSpace, given: Input) -> None:
    asked: list[str] = []

    def cost(part: Part) -> tuple[int, int]:
        asked.append(part.name)
        return part.size, part.in_width

    table = fill_table(tiny, given, ("latency_ns", "activation_bytes"), cost, facts={"note": "x"})
    assert len(asked) == len(set(asked)) == 7
    network = tiny.parse("12:mb2_k3,mb2_k3 12:mb2_k3")
    assert table.of(network) == {"latency_ns": 8 + (8 + 8) + 8 + 4, "activation_bytes": 12}
    assert table.facts == {"image_size": 8, "num_classes": 3, "in_chans": 3, "note": "x"}
    assert np.array_equal(table.rows(1), [1, 2])
