import pytest
import torch
from torch import nn

from helixnas.nn import build_seeded
from helixnas.space import (
    Block,
    Cell,
    Head,
    Operation,
    Path,
    SearchSpace,
    Stage,
    attention_operation,
    mbconv_operation,
    vit,
)
from helixnas.supernet import Interface, SupernetCell


def make_cell(
    space: SearchSpace,
    block: int,
    index: int = 0,
    *,
    teacher: tuple[int, int],
    interface: Interface = "adapter",
    adapts: tuple[bool, bool] = (False, False),
) -> SupernetCell:
    return build_seeded(
        lambda: SupernetCell(
            space.blocks[block - 1].cells[index],
            stride=space.blocks[block - 1].stride,
            previous_widths=space.previous_widths(block),
            teacher_in=teacher[0],
            teacher_out=teacher[1],
            stem=space.stem if block == 1 else (),
            interface=interface,
            adapts=adapts,
        ),
        (0,),
    )


@pytest.mark.parametrize("interface", ["adapter", "widen"])
def test_every_path_after_every_width_gives_the_teachers_shape(space: SearchSpace, interface: Interface) -> None:
    for block, (received, given) in enumerate([(3, 10), (10, 18)], start=1):
        features = torch.rand(2, received, 8, 8)
        for index, cell in enumerate(space.blocks[block - 1].cells):
            module = make_cell(space, block, index, teacher=(received, given), interface=interface)
            for width in space.previous_widths(block):
                for path in cell.paths():
                    assert module(features, path, width).shape == (2, given, 4, 4)


def test_adapter_has_one_entry_and_first_layer_per_previous_width(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(10, 18))
    assert list(cell.entries) == list(cell.first) == ["8", "12"]
    assert cell.operation(0, "mb2_k3", 8) is not cell.operation(0, "mb2_k3", 12)
    assert cell.operation(1, "mb2_k3", 8) is cell.operation(1, "mb2_k3", 12)


def test_adapters_are_plain_convolutions_with_bias(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(10, 18))
    for adapter, shape in ((cell.entry(8), (8, 10)), (cell.entry(12), (12, 10)), (cell.exit, (18, 16))):
        assert isinstance(adapter, nn.Conv2d)
        assert adapter.bias is not None
        assert adapter.weight.shape == (*shape, 1, 1)


def test_a_cell_alone_has_adapters_where_widths_differ_or_where_it_is_told_to(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(8, 16))
    assert isinstance(cell.entry(8), nn.Identity)
    assert isinstance(cell.entry(12), nn.Conv2d)
    assert isinstance(cell.exit, nn.Identity)
    told = make_cell(space, 2, teacher=(8, 16), adapts=(True, True))
    assert [type(each) for each in (told.entry(8), told.entry(12), told.exit)] == [nn.Conv2d] * 3


def test_widening_takes_and_gives_the_teachers_width_without_adapters(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(10, 18), interface="widen")
    kernels = [part.weight for part in cell.modules() if isinstance(part, nn.Conv2d)]
    assert isinstance(cell.entry(8), nn.Identity)
    assert isinstance(cell.exit, nn.Identity)
    assert any(kernel.shape[1] == 10 for kernel in kernels)
    assert any(kernel.shape[0] == 18 for kernel in kernels)


def test_widening_does_not_depend_on_the_previous_width(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(10, 18), interface="widen")
    features, path = torch.rand(2, 10, 8, 8), next(cell.cell.paths())
    assert torch.equal(cell(features, path, 8), cell(features, path, 12))


def test_cell_of_block_one_owns_a_stem_that_takes_the_image(space: SearchSpace) -> None:
    cell = make_cell(space, 1, teacher=(3, 10))
    assert cell.entry(8)(torch.rand(2, 3, 8, 8)).shape == (2, 8, 8, 8)


def test_without_a_teacher_cells_take_and_give_their_own_widths(space: SearchSpace) -> None:
    cell = SupernetCell(space.blocks[1].cells[0], stride=2, previous_widths=(8, 12), teacher_in=None, teacher_out=None)
    assert all(isinstance(part, nn.Identity) for part in (cell.entry(8), cell.entry(12), cell.exit))
    path = next(cell.cell.paths())
    for width in (8, 12):
        assert cell(torch.rand(2, width, 8, 8), path, width).shape == (2, 16, 4, 4)


def test_no_running_averages_are_kept(space: SearchSpace) -> None:
    assert not any("running" in name for name in make_cell(space, 1, teacher=(3, 10)).state_dict())


def test_output_is_the_same_in_training_and_eval_mode(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(10, 18))
    features, path = torch.rand(4, 10, 8, 8), next(cell.cell.paths())
    assert torch.equal(cell.train()(features, path, 8), cell.eval()(features, path, 8))


def test_only_the_drawn_path_gets_a_gradient(space: SearchSpace) -> None:
    cell = make_cell(space, 2, teacher=(10, 18))
    path = list(cell.cell.paths())[1]  # mb2_k3, then mb2_k5
    cell(torch.rand(2, 10, 8, 8), path, 12).square().mean().backward()
    drawn = {
        name.removesuffix(f".{name.rpartition('.')[2]}") for name, p in cell.named_parameters() if p.grad is not None
    }
    prefixes = {".".join(name.split(".")[:3]) if name.startswith(("first", "later")) else name for name in drawn}
    assert prefixes == {"entries.12", "first.12.mb2_k3", "later.0.mb2_k5", "exit"}


def mixed() -> SearchSpace:
    """Return a space whose layers are MBConv or attention, also where blocks merge 2 x 2 pixels."""
    both = (mbconv_operation(3, 2), attention_operation(2, head_dim=4))
    cells = [Cell(width, (both, both)) for width in (8, 12)]
    stem = (Stage(2, Path(8, (Operation.of("conv", kind="conv"),))),)
    return SearchSpace("mixed", stem, (Block(1, tuple(cells)), Block(2, tuple(cells))), Head(0))


def test_a_cell_may_mix_convolutions_and_attention() -> None:
    space = mixed()
    module = make_cell(space, 2, 1, teacher=(10, 18)).to(memory_format=torch.channels_last)
    features = torch.rand(2, 10, 8, 8).contiguous(memory_format=torch.channels_last)
    outputs = [module(features, path, 8) for path in space.blocks[1].cells[1].paths()]
    assert all(output.shape == (2, 18, 4, 4) for output in outputs)
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in outputs)
    assert len({output.sum().item() for output in outputs}) == 4


def test_a_step_through_attention_reaches_its_path_and_nothing_else() -> None:
    space = mixed()
    cell = make_cell(space, 2, 0, teacher=(10, 18))
    path = space.parse_path("8:attn_r2,mb2_k3")
    cell(torch.rand(2, 10, 8, 8), path, 12).square().sum().backward()
    reached = {name for name, parameter in cell.named_parameters() if parameter.grad is not None}
    on_path = ("entries.12.", "first.12.attn_r2.", "later.0.mb2_k3.", "exit.")
    assert reached == {name for name, _ in cell.named_parameters() if name.startswith(on_path)}


def test_silenced_transformer_layers_start_as_their_entry() -> None:
    cell = (
        vit(
            dimensions=(8,),
            head_dim=4,
            mlp_ratios=(1, 2),
            layers=(2,),
            strides=(1,),
            patch=2,
            image_size=8,
            stem_width=8,
        )
        .blocks[0]
        .cells[0]
    )
    module = SupernetCell(
        cell, stride=1, previous_widths=(8,), teacher_in=None, teacher_out=None, zero_init_residual=True
    )
    features = torch.rand(2, 8, 4, 4)
    assert all(torch.equal(module(features, path, 8), features) for path in cell.paths())
