import pytest
import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError, UnknownNameError
from helixnas.teacher.boundaries import record_boundaries, require_modules


class Twice(nn.Module):
    """Runs one module twice and another not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.idle = nn.Conv2d(3, 3, 1), nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.again(self.again(self.first(x))).mean((2, 3))


def test_names_that_are_no_modules_get_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="module of the teacher 'frist'.*first"):
        require_modules(Twice(), ["frist"])
    with pytest.raises(TeacherError, match="at least one boundary"):
        require_modules(Twice(), [])


def test_boundaries_are_recorded_in_one_pass() -> None:
    recorder, output = record_boundaries(Twice(), ["first"], (3, 4, 4))
    assert recorder.outputs["first"].shape == (1, 3, 4, 4)
    assert output.shape == (1, 3)
    assert torch.is_tensor(output)


@pytest.mark.parametrize(("name", "times"), [("again", "runs 2 times in"), ("idle", "does not run in")])
def test_a_boundary_runs_exactly_once(name: str, times: str) -> None:
    with pytest.raises(TeacherError, match=f"module '{name}' {times} the teacher's forward pass"):
        record_boundaries(Twice(), [name], (3, 4, 4))


def test_boundaries_follow_the_forward_pass() -> None:
    model = nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2))
    with pytest.raises(TeacherError, match="in the order of the forward pass: 0, 1; not 1, 0"):
        record_boundaries(model, ["1", "0"], (3, 8, 8))
