import copy

import pytest
import torch

from helixnas.lab.sequential import rate_extensions
from helixnas.rating import relative_l1
from helixnas.supernet import Supernet
from helixnas.teacher import Teacher


@torch.no_grad()
def test_scores_are_those_of_whole_prefixes_on_the_students_own_features(supernet: Supernet, teacher: Teacher) -> None:
    features = teacher.features(torch.rand(8, 3, 8, 8))
    firsts = [(cell, path) for cell in supernet.block(1) for path in cell.cell.paths()]
    made = {path: cell(features[0], path, 4) for cell, path in firsts}
    found = rate_extensions(supernet, ((),), features)
    assert found.tolist() == pytest.approx([relative_l1(made[path], features[1]).item() for _, path in firsts])
    chosen = [firsts[-1][1], firsts[0][1]]  # of widths 6 and 4
    expected = [
        relative_l1(cell(made[first], path, first.width), features[2]).item()
        for first in chosen
        for cell in supernet.block(2)
        for path in cell.cell.paths()
    ]
    assert rate_extensions(supernet, [(path,) for path in chosen], features).tolist() == pytest.approx(expected)


def test_nothing_in_the_supernet_changes(supernet: Supernet, teacher: Teacher) -> None:
    before = copy.deepcopy(supernet.state_dict())
    rate_extensions(supernet, ((),), teacher.features(torch.rand(8, 3, 8, 8)))
    assert all(torch.equal(before[name], value) for name, value in supernet.state_dict().items())
