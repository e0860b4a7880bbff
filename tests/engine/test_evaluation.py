import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helixnas.engine import Evaluation, Runtime, evaluate
from helixnas.engine.evaluation import right_by_image


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_evaluation_of_known_logits(make_images: Any, runtime: Runtime, batch_size: int) -> None:
    images = make_images(7)
    images.labels = torch.tensor([0, 0, 0, 0, 1, 1, 2])

    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor([[math.log(0.5), math.log(0.25), math.log(0.25)]]).expand(len(x), 3)

    found = evaluate(Constant(), images, batch_size=batch_size, runtime=runtime, normalize=lambda x: x)
    assert found.accuracy == pytest.approx(4 / 7)
    assert found.loss == pytest.approx((4 * math.log(2) + 3 * math.log(4)) / 7, rel=1e-6)
    assert found.num_images == 7
    settings: dict[str, Any] = {"batch_size": batch_size, "runtime": runtime, "normalize": lambda x: x}
    assert right_by_image(Constant(), images, **settings).tolist() == [True] * 4 + [False] * 3


def test_evaluation_sees_normalised_images_in_eval_mode(make_images: Any, runtime: Runtime) -> None:
    images = make_images(6)

    class Brightest(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert not self.training
            return (x + 5).mean((2, 3))

    model = Brightest().train()
    found = evaluate(model, images, batch_size=4, runtime=runtime, normalize=lambda x: x - 5)
    assert replace(found, loss=0.0) == Evaluation(accuracy=1.0, loss=0.0, num_images=6, top5=1.0)
