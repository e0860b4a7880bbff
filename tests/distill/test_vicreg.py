import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helixnas.distill.config import VicregConfig
from helixnas.distill.vicreg import VicregTerms, covariance_penalty, spread_hinge, vicreg_terms


def embeddings(seed: int, batch: int = 12, dimensions: int = 5) -> torch.Tensor:
    return torch.randn(batch, dimensions, generator=torch.Generator().manual_seed(seed))


def test_invariance_is_the_squared_difference_over_images_and_dimensions() -> None:
    z = embeddings(0)
    z_hat = z.clone()
    z_hat[3, 1] += 2.0
    z_hat[7, 4] -= 4.0
    assert vicreg_terms(z, z_hat, config=VicregConfig()).invariance.item() == pytest.approx((4 + 16) / (12 * 5))


def test_covariance_of_two_dimensions_is_their_squared_covariance() -> None:
    z = torch.tensor([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    covariance = ((1 - 3) * (10 - 20) + (2 - 3) * (30 - 20) + (6 - 3) * 0) / 2
    assert covariance_penalty(z).item() == pytest.approx(2 * covariance**2 / 2)


def test_covariance_penalty_is_eq_10_written_out() -> None:
    z = embeddings(1).double()
    centred = z - z.mean(0)
    total = 0.0
    for i in range(5):
        for j in range(5):
            total += float(centred[:, i] @ centred[:, j] / 11) ** 2 if i != j else 0.0
    assert covariance_penalty(z).item() == pytest.approx(total / 5)


def test_uncorrelated_dimensions_have_no_covariance_penalty() -> None:
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert covariance_penalty(z).item() == 0
    assert covariance_penalty(z[:, :1]).item() == 0


def test_spread_is_the_mean_distance_of_the_standard_deviations_below_gamma() -> None:
    z = torch.tensor([[0.0, -3.0], [0.5, 3.0]])  # unbiased variances 1/8 and 18
    expected = (2.0 - math.sqrt(0.125 + 0.01)) / 2
    assert spread_hinge(z, gamma=2.0, epsilon=0.01).item() == pytest.approx(expected)


def test_a_constant_dimension_still_has_a_finite_gradient() -> None:
    z = torch.ones(4, 3, requires_grad=True)
    spread_hinge(z, gamma=1.0, epsilon=1e-4).backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_terms_sum_both_sides_covariance_and_average_their_spread() -> None:
    z, z_hat = embeddings(2), 0.3 * embeddings(3)
    terms = vicreg_terms(z, z_hat, config=VicregConfig())
    assert terms.covariance.item() == pytest.approx(covariance_penalty(z).item() + covariance_penalty(z_hat).item())
    hinges = [spread_hinge(side, gamma=1.0, epsilon=1e-4).item() for side in (z, z_hat)]
    assert terms.spread.item() == pytest.approx(sum(hinges) / 2)


def test_total_weighs_each_term_by_its_lambda() -> None:
    terms = VicregTerms(torch.tensor(1.0), torch.tensor(10.0), torch.tensor(100.0))
    assert terms.total(VicregConfig()).item() == 25 + 10 + 2500
    assert terms.total(VicregConfig(lambda_1=2.0, lambda_2=0.5, lambda_3=0.0)).item() == 2 + 5


def test_loss_forbids_the_constant_solution_that_the_invariance_alone_accepts() -> None:
    constant, varied = torch.zeros(64, 5), embeddings(4, batch=64)
    config = VicregConfig()
    assert vicreg_terms(constant, constant, config=config).invariance == 0
    collapsed = vicreg_terms(constant, constant, config=config).total(config)
    assert collapsed > vicreg_terms(varied, varied, config=config).total(config)


def test_terms_are_float32_under_autocast() -> None:
    z = 300 * embeddings(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = vicreg_terms(z, z.flip(0), config=VicregConfig())
    outside = vicreg_terms(z, z.flip(0), config=VicregConfig())
    assert [term.dtype for term in inside] == [torch.float32] * 3
    assert [term.item() for term in inside] == [term.item() for term in outside]


RANK = """
import sys
import torch, torch.distributed as dist
from helixnas.distill.config import VicregConfig
from helixnas.distill.vicreg import vicreg_terms

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
saved = torch.load(f"{folder}/inputs.pt", weights_only=True)
weight = saved["weight"].requires_grad_()
views = [view[8 * rank : 8 * rank + 8] @ weight for view in (saved["first"], saved["second"])]
loss = vicreg_terms(*views, config=VicregConfig()).total(VicregConfig())
loss.backward()
dist.all_reduce(weight.grad)
torch.save({"loss": loss.detach(), "gradient": weight.grad / 2}, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.distributed
def test_two_processes_of_b_images_equal_one_of_2b_in_loss_and_gradient(tmp_path: Path) -> None:
    first, second, weight = embeddings(6, batch=16), embeddings(7, batch=16), embeddings(8, batch=5, dimensions=4)
    torch.save({"first": first, "second": second, "weight": weight}, tmp_path / "inputs.pt")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", RANK, str(rank), str(tmp_path)], env=environment) for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    weight = weight.clone().requires_grad_()
    loss = vicreg_terms(first @ weight, second @ weight, config=VicregConfig()).total(VicregConfig())
    loss.backward()
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
        torch.testing.assert_close(found["gradient"], weight.grad, rtol=1e-4, atol=1e-5)
