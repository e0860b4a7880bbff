"""Parameters and multiply-adds against closed forms."""

import pytest
import timm
import torch
from torch import nn

from helixnas.nn import count_all, count_macs, count_params, saved_by, saved_bytes


@pytest.mark.parametrize("groups", [1, 4])
def test_a_convolution_costs_its_closed_form(groups: int) -> None:
    with torch.device("meta"):
        layer = nn.Conv2d(8, 12, (3, 5), stride=2, padding=(1, 2), groups=groups)
    assert count_params(layer) == 8 // groups * 12 * 15 + 12
    assert count_macs(layer, (2, 8, 10, 6)) == 2 * 5 * 3 * 8 // groups * 12 * 15


def test_elementwise_work_and_running_averages_are_not_counted() -> None:
    with torch.device("meta"):
        layer = nn.Sequential(nn.BatchNorm2d(8), nn.SiLU(), nn.AvgPool2d(2))
    assert count_params(layer) == 16
    assert count_macs(layer, (1, 8, 4, 4)) == 0


def test_a_batch_costs_its_number_of_images() -> None:
    with torch.device("meta"):
        layer = nn.Linear(5, 7)
    assert count_macs(layer, (6, 5)) == 6 * 5 * 7


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_mode_as_it_was(training: bool) -> None:
    with torch.device("meta"):
        layer = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train(training)
    count_macs(layer, (1, 3, 1, 1))
    assert all(module.training is training for module in layer.modules())


def test_attention_is_counted() -> None:
    with torch.device("meta"):
        vit = timm.create_model("vit_tiny_patch16_224", depth=2)
    tokens, width, hidden = 197, 192, 768
    layer = tokens * (4 * width**2 + 2 * width * hidden) + 2 * tokens**2 * width
    assert count_macs(vit, (1, 3, 224, 224)) == 196 * 768 * width + 2 * layer + width * 1000


def test_efficientnet_b0_has_the_published_size() -> None:
    with torch.device("meta"):
        model = timm.create_model("efficientnet_b0")
    assert count_params(model) == 5_288_548
    counts = count_all(model, (1, 3, 224, 224))
    assert round(counts.macs / 1e6, 1) == 385.8
    assert round((counts.macs + 2 * counts.norm_elements) / 1e6) == 399  # what the paper calls FLOPs


def test_saved_activations_are_counted_once() -> None:
    with torch.device("meta"):
        layers = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5))
    assert saved_bytes(layers, (3, 10)) == 4 * 3 * (10 + 20)


def test_memory_that_is_saved_twice_counts_once_and_weights_do_not_count() -> None:
    weight = nn.Parameter(torch.ones(3))
    features = torch.zeros(5, 3)
    saved, output = saved_by(lambda: weight * features + weight[:1] * features)
    assert saved == 4 * 15
    assert output.shape == (5, 3)
