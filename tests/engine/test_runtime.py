import threading
from typing import Any

import pytest
import torch
from torch import nn

from helixnas.data import Batch
from helixnas.engine import Runtime, RuntimeConfig, explain_out_of_memory
from helixnas.engine.runtime import fast_precision, find_device
from helixnas.errors import ConfigError, OutOfMemoryError


@pytest.mark.parametrize("name", ["gpu", "tpu:0", "meta", "cpu:x", ""])
def test_unknown_device_lists_those_that_are_known(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown device '{name}'; use auto, cpu, cuda, cuda:N or mps"):
        Runtime(RuntimeConfig(device=name))


@pytest.mark.parametrize(("found", "expected"), [("xpu", "cpu"), ("mps", "mps"), ("cuda", "cuda")])
def test_auto_takes_no_accelerator_that_cannot_be_named(
    monkeypatch: pytest.MonkeyPatch, found: str, expected: str
) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device(found))
    assert find_device("auto").type == expected


def test_cuda_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"runtime.device is 'cuda:1', but this machine has no CUDA device; use"):
        Runtime(RuntimeConfig(device="cuda:1"))


def test_cuda_device_with_too_large_a_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"runtime.device is 'cuda:2', but the last device of this machine is cuda:1"):
        Runtime(RuntimeConfig(device="cuda:2"))


def test_half_precision_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"runtime.precision=fp16 needs a GPU, but the device is cpu; use bf16"):
        Runtime(RuntimeConfig(device="cpu", precision="fp16"))


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        ({"amx_bf16": True, "avx512_bf16": True, "cpu_name": "Intel(R) Xeon(R)"}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": "Intel(R) Xeon(R)"}, "fp32"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": "AMD EPYC"}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": False, "cpu_name": "AMD EPYC"}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_precision_is_chosen_by_what_the_processor_has(
    capabilities: dict[str, Any], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    runtime = Runtime(RuntimeConfig(device="cpu", precision="auto"))
    assert runtime.precision == wanted
    with runtime.autocast():
        dtype = nn.Linear(4, 4)(torch.rand(2, 4)).dtype
    assert dtype == {"bf16": torch.bfloat16, "fp32": torch.float32}[wanted]


@pytest.mark.parametrize(("has_units", "wanted"), [(True, "bf16"), (False, "fp32")])
def test_precision_is_chosen_by_what_the_gpu_has(has_units: bool, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_units)
    assert fast_precision(torch.device("cuda")) == wanted
    assert fast_precision(torch.device("mps")) == "fp32"


@pytest.mark.parametrize("channels_last", [True, False])
def test_modules_and_images_take_the_memory_format(channels_last: bool) -> None:
    runtime = Runtime(RuntimeConfig(device="cpu", channels_last=channels_last))
    wanted = torch.channels_last if channels_last else torch.contiguous_format
    module = runtime.place(nn.Conv2d(3, 4, 3))
    assert module.weight.is_contiguous(memory_format=wanted)
    assert runtime.images(torch.rand(2, 3, 5, 5)).is_contiguous(memory_format=wanted)


def test_bfloat16_is_used_in_forward_passes_only() -> None:
    runtime = Runtime(RuntimeConfig(device="cpu", precision="bf16"))
    layer = nn.Linear(4, 4)
    with runtime.autocast():
        assert layer(torch.rand(2, 4)).dtype == torch.bfloat16
    assert layer.weight.dtype == torch.float32
    assert layer(torch.rand(2, 4)).dtype == torch.float32


def test_runtimes_of_different_precision_live_side_by_side() -> None:
    exact, fast = (Runtime(RuntimeConfig(device="cpu", precision=name)) for name in ("fp32", "bf16"))
    layer = nn.Linear(4, 4)
    for runtime, dtype in ((exact, torch.float32), (fast, torch.bfloat16), (exact, torch.float32)):
        with runtime.autocast():
            output = layer(torch.rand(2, 4))
        assert output.dtype == dtype
        runtime.backward(output.sum())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: not enough memory"),
        RuntimeError("MPS backend out of memory"),
    ],
)
def test_out_of_memory_names_the_batch_size_to_try(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"out of memory with distill.batch_size=9; try distill.batch_size=4 \("),
        explain_out_of_memory("distill.batch_size", 9),
    ):
        raise error


def test_a_single_value_per_channel_names_the_batch_size() -> None:
    with (
        pytest.raises(
            ConfigError, match=r"^batch norm has a single value per channel in a batch of one image .* raise a.size,"
        ),
        explain_out_of_memory("a.size", 1),
    ):
        torch.nn.BatchNorm2d(2)(torch.ones(1, 2, 1, 1))
    with pytest.raises(ValueError, match="^odd$"), explain_out_of_memory("a.size", 1):
        raise ValueError("odd")


def test_batch_of_one_is_the_smallest_to_try() -> None:
    with pytest.raises(OutOfMemoryError, match="try batch_size=1 "), explain_out_of_memory("batch_size", 1):
        raise MemoryError


def test_other_errors_pass_unchanged() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError) as caught, explain_out_of_memory("batch_size", 8):
        raise error
    assert caught.value is error


def test_seeded_randomness_depends_on_the_words_alone(runtime: Runtime) -> None:
    def draw(*words: int) -> torch.Tensor:
        with runtime.seeded(*words):
            return torch.rand(4)

    before = torch.get_rng_state()
    first = draw(0, 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(draw(0, 1), first)
    assert not torch.equal(draw(1, 0), first)


def test_gradients_are_clipped_before_the_step(runtime: Runtime) -> None:
    weight = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    runtime.backward((weight * torch.tensor([30.0, 40.0])).sum())
    runtime.step(optimizer, clip_grad=5.0)
    assert weight.tolist() == pytest.approx([-3.0, -4.0], rel=1e-4)


def test_loss_scale_of_half_precision_is_undone_before_clipping_and_step(runtime: Runtime) -> None:
    weight = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    runtime.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    runtime.backward((weight * torch.tensor([30.0, 40.0])).sum())
    runtime.step(optimizer, clip_grad=5.0)
    runtime.end_step()
    assert weight.tolist() == pytest.approx([-3.0, -4.0], rel=1e-4)


def test_step_whose_gradients_overflowed_changes_nothing_and_lowers_the_scale(runtime: Runtime) -> None:
    weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    optimizers = [torch.optim.SGD([weight], lr=1.0) for weight in weights]
    scaler = runtime.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for weight, factor in zip(weights, (float("inf"), 2.0), strict=True):
        runtime.backward((weight * factor).sum())
    for optimizer in optimizers:
        runtime.step(optimizer)
    runtime.end_step()
    assert [weight.item() for weight in weights] == [0.0, -2.0]
    assert scaler.get_scale() == 512.0


def test_loss_scale_is_part_of_the_state(runtime: Runtime) -> None:
    assert runtime.state() == {}
    runtime.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    state = runtime.state()
    runtime.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    runtime.restore(state)
    assert runtime.accelerator.scaler.get_scale() == 64.0
    runtime.restore({})
    assert runtime.accelerator.scaler.get_scale() == 64.0


def test_batches_are_read_ahead_for_a_gpu_alone(runtime: Runtime) -> None:
    batches = iter([1, 2])
    assert runtime.ahead(batches, thread_safe=True) is batches
    runtime.device = torch.device("cuda")
    assert list(runtime.ahead(batches, thread_safe=True)) == [1, 2]


@pytest.mark.parametrize("thread_safe", [True, False])
def test_batches_that_are_not_thread_safe_are_read_by_the_calling_thread(thread_safe: bool, runtime: Runtime) -> None:
    runtime.device = torch.device("cuda")
    readers = set(runtime.ahead((threading.get_ident() for _ in range(3)), thread_safe=thread_safe))
    assert (readers == {threading.get_ident()}) is not thread_safe


@pytest.mark.gpu
def test_batches_for_a_gpu_are_pinned(runtime: Runtime) -> None:
    images = torch.rand(2, 3, 4, 4)
    runtime.device = torch.device("cuda")
    (batch,) = runtime.ahead(iter([Batch(images=images, labels=None, indices=torch.arange(2))]), thread_safe=True)
    assert batch.images.is_pinned()
    assert torch.equal(runtime.images(batch.images).cpu(), images)
