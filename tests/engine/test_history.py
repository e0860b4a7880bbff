import pytest
import torch

from helixnas.engine import load_checkpoint, save_checkpoint
from helixnas.engine.history import MAX_POINTS, History


@pytest.mark.parametrize("length", [7, 1000])
def test_a_curve_may_begin_late_and_end_early(length: int, tmp_path) -> None:
    whole, resumed = History(), History()
    for step in range(1, 3 * length + 1):
        name = "early" if step <= length else "late" if step > 2 * length else "middle"
        whole.add(step, {"all": 1.0, name: float(step)})
        if step == length + length // 2:
            save_checkpoint(tmp_path / "history.pt", whole.state())
            resumed.restore(load_checkpoint(tmp_path / "history.pt", torch.device("cpu")))
        elif step > length + length // 2:
            resumed.add(step, {"all": 1.0, name: float(step)})
    curves = whole.frame()
    assert len(curves[curves["name"] == "all"]) == min(MAX_POINTS, 3 * length)
    for part, name in enumerate(("early", "middle", "late")):
        own = curves[curves["name"] == name]
        assert own["step"].max() == (part + 1) * length
        assert own["step"].min() > part * length
        assert ((own["step"] - own["value"]) <= 3 * length / MAX_POINTS).all()
    assert resumed.frame().equals(curves)
