import pytest
import torch
from torch import nn

from helixnas.teacher.shortcut import modules_before, skipping


def test_only_the_outermost_modules_before_a_boundary_are_named() -> None:
    finished = ["stem.conv", "stem.act", "stem", "body.0.conv", "body.0", "body.1.conv", "body.1", "body", "head"]
    assert modules_before(finished, "stem") == ()
    assert modules_before(finished, "body.0") == ("stem",)
    assert modules_before(finished, "body.1") == ("stem", "body.0")
    assert modules_before(finished, "body") == ("stem",)


def test_a_module_inside_an_unfinished_one_is_skipped_on_its_own() -> None:
    assert modules_before(["stage.first", "stage.second", "stage"], "stage.second") == ("stage.first",)


def test_skipping_is_over_when_the_context_is_left() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4), nn.ReLU())
    x = torch.ones(1, 2)
    expected = model(x)
    given = torch.full((1, 4), -2.0)
    with skipping(model, ("0",), "1", given):
        assert torch.equal(model(x), torch.zeros(1, 4))
    with pytest.raises(ZeroDivisionError), skipping(model, ("0",), "1", given):
        raise ZeroDivisionError
    assert torch.equal(model(x), expected)
