import numpy as np
import pytest
import torch

from helixnas.rating.readout import BlockReadouts, moments, read_out, solve
from helixnas.supernet import Supernet
from helixnas.teacher import Teacher


def test_the_map_is_that_of_least_squares() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, 3, 4, generator=draw) + 2
    y = (
        torch.einsum("io,bihw->bohw", torch.randn(5, 3, generator=draw), x)
        + torch.randn(40, 3, 3, 4, generator=draw)
        - 1
    )
    columns = x.permute(0, 2, 3, 1).reshape(-1, 5).numpy().astype(float)
    design = np.concatenate([columns, np.ones((len(columns), 1))], axis=1)
    expected = np.linalg.lstsq(design, y.permute(0, 2, 3, 1).reshape(-1, 3).numpy(), rcond=None)[0]
    found = solve(moments(x[:15], y[:15]) + moments(x[15:], y[15:]))
    np.testing.assert_allclose(found.numpy(), expected, atol=0.02)
    prediction = (design @ found.double().numpy()).reshape(40, 3, 4, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(read_out(found, x).numpy(), prediction, atol=1e-4)


def test_equal_and_still_channels_are_no_trouble() -> None:
    draw = torch.Generator().manual_seed(0)
    one = torch.randn(32, 1, 4, 4, generator=draw)
    x = torch.cat([one, one, torch.full_like(one, 3.0)], 1)
    found = read_out(solve(moments(x, 4 * one + 1)), x)
    torch.testing.assert_close(found, 4 * one + 1, atol=0.02, rtol=0.01)


def test_precision_stays_as_it_came() -> None:
    x = torch.randn(8, 2, 3, 3).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert moments(x, x).dtype == torch.float64
        assert read_out(solve(moments(x, x)), x).dtype == torch.bfloat16


@torch.no_grad()
@pytest.mark.parametrize("interface", ["adapter", "widen"])
def test_every_path_of_a_block_gets_its_own(supernet_of, teacher: Teacher, interface: str) -> None:
    supernet: Supernet = supernet_of(interface)
    draw = torch.Generator().manual_seed(0)
    batches = [teacher.features(torch.rand(16, 3, 8, 8, generator=draw)) for _ in range(2)]
    block = supernet.block(2)
    fit = BlockReadouts(block)
    for features in batches:
        fit.add(features)
    readouts = {(piece.width, piece.index): found for piece, found in fit.solve().items()}
    widths = block.previous_widths if interface == "adapter" else block.previous_widths[:1]
    assert set(readouts) == {(width, index) for width in widths for index in range(len(block.cells))}
    for (width, index), found in readouts.items():
        cell = list(block)[index]
        paths = list(cell.cell.paths())
        assert len(found) == len(paths)
        for readout, path in zip(found, paths, strict=True):
            expected = solve(sum(moments(cell(features[1], path, width), features[2]) for features in batches))  # type: ignore[arg-type]
            torch.testing.assert_close(readout, expected, atol=1e-4, rtol=1e-3)
