import copy
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from helixnas.engine.gpu import compiling
from helixnas.engine.gpu.compiling import compile_layers
from helixnas.rating import rate_cell, relative_l1
from helixnas.rating.tree import borrowed_statistics
from helixnas.space import Path, mbconv, vit
from helixnas.supernet import Interface, Supernet, SupernetCell, SupernetConfig, build_supernet

MakeSupernet = Callable[[Interface], Supernet]
TARGET = torch.randn(6, 8, 2, 2, generator=torch.Generator().manual_seed(1))
SOURCE = torch.randn(6, 6, 4, 4, generator=torch.Generator().manual_seed(2))
OTHERS = 2 * torch.randn(9, 6, 4, 4, generator=torch.Generator().manual_seed(3)) + 1


def score(prediction: torch.Tensor) -> torch.Tensor:
    return relative_l1(prediction, TARGET)


def cell_of(supernet: Supernet, index: int = 0) -> SupernetCell:
    cell = supernet.block(2).cells[index]
    assert isinstance(cell, SupernetCell)
    return cell


def with_running_averages(cell: SupernetCell) -> SupernetCell:
    """Return a copy whose batch norms keep running averages, as an ordinary network's do."""
    cell = copy.deepcopy(cell)
    for norm in cell.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.track_running_stats, norm.momentum = True, 1.0
            norm.register_buffer("running_mean", torch.zeros(norm.num_features))
            norm.register_buffer("running_var", torch.ones(norm.num_features))
    return cell


@torch.no_grad()
def recalibrated(cell: SupernetCell, path: Path, width: int) -> float:
    """Rate one path alone with the textbook's recalibration: a training pass on other images, then eval mode."""
    network = with_running_averages(cell)
    network.train()(OTHERS, path, width)
    return score(network.eval()(SOURCE, path, width)).item()


@pytest.mark.parametrize("interface", ["adapter", "widen"])
@pytest.mark.parametrize("width", [4, 6])
@pytest.mark.parametrize("index", [0, 1])
def test_shared_prefixes_give_the_scores_of_each_path_alone(
    supernet_of: MakeSupernet, interface: Interface, width: int, index: int
) -> None:
    cell = cell_of(supernet_of(interface), index)
    with torch.no_grad():
        alone = [score(cell(SOURCE, path, width)).item() for path in cell.cell.paths()]
    assert rate_cell(cell, SOURCE, width, score).tolist() == pytest.approx(alone, abs=1e-6)


def test_several_scores_are_a_column_each(supernet: Supernet) -> None:
    cell = cell_of(supernet)
    both = rate_cell(cell, SOURCE, 4, lambda prediction: torch.stack([score(prediction), prediction.mean()]))
    assert both[:, 0].tolist() == rate_cell(cell, SOURCE, 4, score).tolist()
    assert both[:, 1].tolist() == rate_cell(cell, SOURCE, 4, torch.mean).tolist()


@pytest.mark.parametrize("interface", ["adapter", "widen"])
@pytest.mark.parametrize("width", [4, 6])
def test_recalibrated_scores_are_those_of_each_path_recalibrated_alone(
    supernet_of: MakeSupernet, interface: Interface, width: int
) -> None:
    cell = cell_of(supernet_of(interface))
    alone = [recalibrated(cell, path, width) for path in cell.cell.paths()]
    shared = rate_cell(cell, SOURCE, width, score, calibration=OTHERS).tolist()
    assert shared == pytest.approx(alone, abs=1e-6)
    assert shared != pytest.approx(rate_cell(cell, SOURCE, width, score).tolist(), abs=1e-2)


@contextmanager
def biased_statistics(module: nn.Module, device: torch.device) -> Generator[Callable[[], None]]:
    """Borrow statistics whose variance is divided by n, as batch norm's own in training, instead of n - 1."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    numbers = dict[nn.BatchNorm2d, int]()
    hooks = [
        norm.register_forward_pre_hook(
            lambda norm, given: numbers.setdefault(norm, given[0].numel() // given[0].shape[1]) and None
        )
        for norm in norms
    ]
    with borrowed_statistics(module, device) as use_recorded:

        def use_biased() -> None:
            use_recorded()
            for norm, number in numbers.items():
                assert norm.running_var is not None
                norm.running_var.mul_((number - 1) / number)

        yield use_biased
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("width", [4, 6])
def test_calibrating_on_the_rated_images_is_rating_by_batch_but_for_the_unbiased_variance(
    supernet: Supernet, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = cell_of(supernet)
    by_batch = rate_cell(cell, SOURCE, width, score).tolist()
    assert rate_cell(cell, SOURCE, width, score, calibration=SOURCE).tolist() != pytest.approx(by_batch, abs=1e-4)
    monkeypatch.setattr("helixnas.rating.tree.borrowed_statistics", biased_statistics)
    assert rate_cell(cell, SOURCE, width, score, calibration=SOURCE).tolist() == pytest.approx(by_batch, abs=1e-6)


def test_recalibrated_score_of_an_image_does_not_depend_on_those_beside_it(supernet: Supernet) -> None:
    cell, outputs = cell_of(supernet), list[torch.Tensor]()
    for images in (SOURCE, SOURCE[:2]):
        rate_cell(cell, images, 4, lambda y: outputs.append(y) or y.sum(), calibration=OTHERS)
    together, alone = outputs[: cell.cell.num_paths], outputs[cell.cell.num_paths :]
    for large, small in zip(together, alone, strict=True):
        torch.testing.assert_close(large[:2], small)


@pytest.mark.parametrize("calibration", [None, OTHERS])
def test_nothing_in_the_cell_changes(supernet: Supernet, calibration: torch.Tensor | None) -> None:
    for cell in (cell_of(supernet), with_running_averages(cell_of(supernet))):
        for mode in (True, False):
            cell.train(mode)
            if calibration is None and "running" in " ".join(cell.state_dict()) and mode:
                continue  # such a cell is not a supernet's
            before = copy.deepcopy(cell.state_dict())
            settings = [dict(vars(part)) for part in cell.modules() if isinstance(part, nn.BatchNorm2d)]
            rate_cell(cell, SOURCE, 4, score, calibration=calibration)
            after = cell.state_dict()
            assert before.keys() == after.keys()
            assert all(torch.equal(before[name], after[name]) for name in before)
            kept = [dict(vars(part)) for part in cell.modules() if isinstance(part, nn.BatchNorm2d)]
            for old, new in zip(settings, kept, strict=True):
                assert (old["training"], old["momentum"]) == (new["training"], new["momentum"])
                assert old["track_running_stats"] == new["track_running_stats"]


def test_statistics_are_given_back_when_a_layer_fails(supernet: Supernet, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cell_of(supernet)

    def fail(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("broken")

    layer = cell.operation(1, "mb2_k5", 4)
    monkeypatch.setattr(layer, "forward", fail)
    with pytest.raises(RuntimeError, match="broken"):
        rate_cell(cell, SOURCE, 4, score, calibration=OTHERS)
    norms = [part for part in cell.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all(norm.running_mean is None and not norm.track_running_stats for norm in norms)


@pytest.mark.parametrize(("operations", "depth"), [(2, 3), (4, 2), (3, 1)])
def test_a_cell_costs_one_evaluation_per_node_of_its_tree(operations: int, depth: int) -> None:
    space = mbconv(
        cells=(((depth, 4),),),
        strides=(1,),
        kernels=(3, 5, 7, 9)[:operations],
        expansions=(1,),
        stem_width=4,
        separable_width=0,
    )
    cell = next(iter(build_supernet(space, (6,), config=SupernetConfig(), seed=0).block(1)))
    calls: Counter[str] = Counter()
    for name in (n for n, _ in cell.named_modules() if n.count(".") == 2 and n.startswith(("first", "later"))):
        cell.get_submodule(name).register_forward_hook(lambda module, inputs, output, name=name: calls.update([name]))
    scores = rate_cell(cell, torch.rand(2, 3, 8, 8), 4, lambda prediction: prediction.mean())
    assert len(scores) == operations**depth
    assert sum(calls.values()) == sum(operations**layer for layer in range(1, depth + 1))
    for layer in range(depth):
        each = [n for name, n in calls.items() if name.startswith("first" if layer == 0 else f"later.{layer - 1}.")]
        assert each == [operations**layer] * operations


def test_scores_carry_no_gradient(supernet: Supernet) -> None:
    assert not rate_cell(cell_of(supernet), SOURCE, 4, score).requires_grad


class Counting(nn.Module):
    """A layer that counts its calls."""

    def __init__(self, layer: nn.Module, calls: Counter[str], name: str) -> None:
        super().__init__()
        self.layer, self.calls, self.name = layer, calls, name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls[self.name] += 1
        return self.layer(x)


def test_tied_layers_of_attention_are_rated_as_each_path_alone_without_branching() -> None:
    space = vit(
        dimensions=(8,),
        head_dim=4,
        mlp_ratios=(1, 2, 3),
        layers=(3,),
        strides=(1, 1),
        patch=2,
        image_size=8,
        stem_width=4,
    )
    cell = cell_of(build_supernet(space, (6, 8), config=SupernetConfig(), seed=0))
    target = torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(1))

    def to_target(prediction: torch.Tensor) -> torch.Tensor:
        return relative_l1(prediction, target)

    with torch.no_grad():
        alone = [to_target(cell(SOURCE, path, 8)).item() for path in cell.cell.paths()]
    calls: Counter[str] = Counter()
    for layer, candidates in enumerate((cell.first["8"], *cell.later)):
        assert isinstance(candidates, nn.ModuleDict)
        for name, module in list(candidates.items()):
            candidates[name] = Counting(module, calls, f"{layer} {name}")
    assert rate_cell(cell, SOURCE, 8, to_target).tolist() == pytest.approx(alone, abs=1e-6)
    assert len(alone) == len(set(alone)) == 3
    assert set(calls.values()) == {1}
    assert len(calls) == 9


@pytest.mark.parametrize("per_layer", [False, True])
def test_slices_are_rated_like_cells_of_their_own_with_shared_prefixes(per_layer: bool) -> None:
    space = vit(
        dimensions=(8, 16),
        head_dim=4,
        mlp_ratios=(1, 2),
        layers=(1, 2),
        strides=(1, 2),
        patch=2,
        image_size=8,
        stem_width=8,
        per_layer=per_layer,
    )
    supernet = build_supernet(space, (6, 8), config=SupernetConfig(slimmable=True, slices="two-sided"), seed=0)
    for cell in supernet.block(2):
        for width in (8, 16):
            with torch.no_grad():
                alone = [score(cell(SOURCE, path, width)).item() for path in cell.cell.paths()]
            assert rate_cell(cell, SOURCE, width, score).tolist() == pytest.approx(alone, abs=1e-6)
            assert rate_cell(cell, SOURCE, width, score, calibration=OTHERS).tolist() == pytest.approx(alone, abs=1e-6)


def test_operations_are_called_as_told_and_adapters_as_they_are(supernet: Supernet) -> None:
    cell, called = cell_of(supernet), list[nn.Module]()

    def run(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        called.append(module)
        return module(x)

    assert torch.equal(rate_cell(cell, SOURCE, 4, score, run=run), rate_cell(cell, SOURCE, 4, score))
    operations = [
        cell.operation(layer, each.name, 4) for layer, choices in enumerate(cell.cell.layers) for each in choices
    ]
    assert {id(module) for module in called} == {id(module) for module in operations}


@pytest.mark.slow
def test_compiled_operations_are_rated_alike_with_statistics_of_other_images(
    supernet: Supernet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    cell = cell_of(supernet)
    expected = [rate_cell(cell, SOURCE, 4, score, calibration=others).tolist() for others in (None, OTHERS)]
    compile_layers(supernet)
    for _ in range(2):
        found = [rate_cell(cell, SOURCE, 4, score, calibration=others).tolist() for others in (None, OTHERS)]
        assert found[0] == pytest.approx(expected[0], rel=1e-5)
        assert found[1] == pytest.approx(expected[1], rel=1e-5)
