"""The roofline in closed form: one layer bound by multiply-adds, one by the memory, one by its start."""

import pytest
import torch
from torch import nn

from helixnas.nn.counting import count_macs, meta_copy
from helixnas.pipeline.hardware.devices import DEVICES
from helixnas.pipeline.hardware.roofline import SECONDS_TO_START, Work, operations_of, seconds_per_image

A100 = DEVICES["a100"]


def of_one(work: Work, precision: str = "bf16", batch_size: int = 10**9) -> float:
    return seconds_per_image([work], A100, precision=precision, batch_size=batch_size)


def test_an_operation_takes_the_longest_of_computing_moving_and_starting() -> None:
    assert of_one(Work(312e12, 1.0)) == pytest.approx(2.0)
    assert of_one(Work(1.0, 2.039e12)) == pytest.approx(2.0)  # two bytes a value
    assert of_one(Work(1.0, 2.039e12), "fp32") == pytest.approx(4.0)
    assert of_one(Work(156e12, 1.0), "fp32") == pytest.approx(2.0)
    assert of_one(Work(1.0, 1.0), batch_size=10) == pytest.approx(SECONDS_TO_START / 10)


def test_operations_of_a_network_are_counted_with_what_they_read_and_write() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, groups=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(512, 5)
    )
    conv, relu, linear = operations_of(model, 8)
    assert (conv.macs, conv.values) == (3 * 8 * 9 * 64, 64 * (3 + 8))
    assert (relu.macs, relu.values) == (0.0, 2 * 512)
    assert (linear.macs, linear.values) == (512 * 5, 512 + 5)


def test_batch_norm_moves_its_feature_map_once_in_and_once_out() -> None:
    (found,) = operations_of(nn.BatchNorm2d(3), 16)
    assert found.macs == 0
    assert found.values == pytest.approx(2 * 3 * 256, rel=0.01)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_all_multiply_adds_of_a_network_are_found(name: str) -> None:
    import timm

    with torch.device("meta"):
        model = timm.create_model(name)
    expected = count_macs(meta_copy(model), (1, 3, 224, 224))
    assert sum(one.macs for one in operations_of(model, 224)) == expected
    assert next(model.parameters()).is_meta


@pytest.mark.parametrize(("name", "low", "high"), [("efficientnet_b0", 0.04, 0.06), ("resnet18", 0.3, 0.6)])
def test_the_bound_of_a_depthwise_network_is_a_few_per_cent_of_the_peak(name: str, low: float, high: float) -> None:
    import timm

    device = DEVICES["rtx4090"]
    with torch.device("meta"):
        works = operations_of(timm.create_model(name), 224)
    seconds = seconds_per_image(works, device, precision="bf16", batch_size=512)
    assert low < 2 * sum(one.macs for one in works) / seconds / device.peaks["bf16"] < high
