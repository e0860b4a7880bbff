import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from helixnas.engine import Runtime, RuntimeConfig
from helixnas.engine.gpu import compiling
from helixnas.engine.gpu.compiling import compile_layers, layers_of, require_compiler
from helixnas.errors import ConfigError
from helixnas.nn import BATCH_STATISTICS, Place, build_operation
from helixnas.space import mbconv_operation


@pytest.fixture(autouse=True)
def _fast_backend(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Trace as the real compiler does, but generate no code; compile anew in every test."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(compiling, "BACKEND", "eager")
    yield
    torch.compiler.reset()
    compiling._compiled.cache_clear()


class Layer(nn.Module):
    """A small layer with a shortcut."""

    def __init__(self, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.conv(x))


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Layer(), Layer(), Layer(5))


def operations() -> nn.Sequential:
    torch.manual_seed(0)
    place = Place(in_width=8, out_width=8, norm_layer=BATCH_STATISTICS)
    return nn.Sequential(*(build_operation(mbconv_operation(kernel, 3), place) for kernel in (3, 3, 5)))


def images() -> Tensor:
    return torch.randn(4, 8, 6, 6, generator=torch.Generator().manual_seed(1))


def gradients(model: nn.Module) -> dict[str, Tensor]:
    loss = model(images()).square().mean()
    loss.backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None} | {"": loss.detach()}


def test_compiled_layers_compute_what_they_did_and_keep_their_names() -> None:
    plain = operations()
    model = compile_layers(copy.deepcopy(plain))
    assert [type(layer).__name__ for layer in model] == ["InvertedResidual"] * 3
    assert all(isinstance(ours, type(theirs)) for ours, theirs in zip(model, plain, strict=True))
    assert list(model.state_dict()) == list(plain.state_dict())
    ours, theirs = gradients(model), gradients(plain)
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[name], expected, rtol=1e-4, atol=1e-6)


class Counter:
    """A compiler that counts the graphs it gets."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, graph: Any, inputs: Any) -> Any:
        self.number += 1
        return graph.forward


@torch.no_grad()
def test_equal_layers_share_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter()
    monkeypatch.setattr(compiling, "BACKEND", counter)
    model = compile_layers(layers())
    for _ in range(2):
        model(images())
    assert counter.number == 2  # two kernels, three layers


def test_each_of_the_layers_uses_its_own_weights() -> None:
    model = compile_layers(layers())
    with torch.no_grad():
        first, second = model[0](images()), model[1](images())
        assert not torch.equal(first, second)
        for weight in model[0].parameters():
            weight.zero_()
        assert torch.equal(model[0](images()), images())  # the shortcut alone
        torch.testing.assert_close(model[1](images()), second)


@torch.no_grad()
def test_more_shapes_than_torch_would_recompile_for_stay_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter()
    monkeypatch.setattr(compiling, "BACKEND", counter)
    model = compile_layers(nn.Sequential(Layer()))
    for size in range(3, 13):
        model(torch.rand(2, 8, size, size))
    assert counter.number == 10


def test_a_copy_is_compiled_and_has_weights_of_its_own() -> None:
    model = compile_layers(layers())
    average = copy.deepcopy(model)
    with torch.no_grad():
        expected = model(images())
        for weight in model.parameters():
            weight.zero_()
        torch.testing.assert_close(average(images()), expected)


def test_layers_whose_inside_is_observed_run_as_they_are() -> None:
    model = compile_layers(layers())
    model(images())
    seen: list[Tensor] = []
    handle = model[0].conv.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(images())
    assert len(seen) == 1
    handle.remove()
    model[0].conv.forward = lambda x: 0 * x
    with torch.no_grad():
        changed = model[0](images())
    del model[0].conv.forward
    assert not torch.equal(changed, model[0](images()))


def test_hooks_on_a_layer_see_its_output() -> None:
    model = compile_layers(layers())
    seen: list[Tensor] = []
    model[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    expected = model(images())
    assert len(seen) == 1
    torch.testing.assert_close(model[2](seen[0]), expected)


@pytest.mark.parametrize(
    ("name", "number", "kind"),
    [("efficientnet_b0", 16, "InvertedResidual"), ("resnet18", 8, "BasicBlock"), ("vit_tiny_patch16_224", 12, "Block")],
)
def test_layers_of_networks_are_their_blocks(name: str, number: int, kind: str) -> None:
    with torch.device("meta"):
        found = [type(layer).__name__ for layer in layers_of(timm.create_model(name))]
    assert len(found) == number
    assert kind in found


def test_a_compiler_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(function: Any, **options: Any) -> Any:
        raise RuntimeError("no working C++ compiler\nmore")

    compiling._try_compiler.cache_clear()
    monkeypatch.setattr(torch, "compile", fail)
    with pytest.raises(
        ConfigError,
        match=r"^runtime.compile needs a compiler, but torch.compile does not work here \(no working C\+\+ compiler\); install",
    ):
        Runtime(RuntimeConfig(device="cpu", compile=True))


def test_a_layer_that_cannot_be_compiled_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("no code for it")

    monkeypatch.setattr(compiling, "BACKEND", broken)
    with pytest.raises(ConfigError, match=r"^torch.compile fails on a layer Layer .* set runtime.compile to"):
        compile_layers(layers())(images())


def test_processes_that_train_together_cannot_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match=r"^runtime.compile does not work in processes that train together"):
        Runtime(RuntimeConfig(device="cpu", compile=True))


def agreement(runtime: Runtime, plain: Runtime) -> None:
    """Check a training step of compiled layers against plain ones."""
    losses: list[Tensor] = []
    for each in (runtime, plain):
        model = each.place(operations()[:1])  # compiling takes long
        with each.autocast():
            loss = model(each.images(images())).float().square().mean()
        each.backward(loss)
        losses.append(torch.stack([loss.detach(), *(p.grad.norm() for p in model.parameters() if p.grad is not None)]))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-3 if runtime.precision == "fp32" else 5e-2, atol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # hints of the compiler
def test_the_compiler_of_this_machine_trains_layers_as_they_are() -> None:
    require_compiler(torch.device("cpu"))
    agreement(*(Runtime(RuntimeConfig(device="cpu", compile=compiles)) for compiles in (True, False)))


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # hints of the compiler
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_trains_compiled_layers_as_they_are(precision: Any) -> None:
    make: Callable[[bool], Runtime] = lambda compiles: Runtime(  # noqa: E731
        RuntimeConfig(device="cuda", precision=precision, compile=compiles)
    )
    agreement(make(True), make(False))
