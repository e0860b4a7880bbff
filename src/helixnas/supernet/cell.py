"""One cell of a supernet block: all paths share weights, and the path is an argument of ``forward`` (Sec. 3.3).

The *interface* connects student and teacher widths:

- ``adapter``: a 1x1 convolution with bias maps the teacher's Y_{k-1} to the width of the previous student cell (block 1:
  the stem), another the output to the teacher's width. Where all widths to choose from agree with the teacher's there are none;
  otherwise all have one, also the width that agrees, since a candidate without one learns less and loses for that alone.
  A cell has an input adapter and a set of first-layer operations *per previous width*, so the layers that are rated are the
  layers that are built.
  Where the teacher's features are finer than the cell's input, a patch convolution takes its place (`helixnas.nn.bridge`).
- ``widen``, as in the authors' code: the first layer takes the teacher's width and the last layer returns it. The rated
  layers differ from the built ones, and the score does not depend on the previous width.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from helixnas.nn import BATCH_STATISTICS, Bridge, Place, build_operation, build_stages, initialize, silence_residual
from helixnas.space import Cell, LayerPlace, Path, Stage
from helixnas.supernet.config import Interface


@runtime_checkable
class CellModule(Protocol):
    """The paths of one cell as modules: a `SupernetCell`, or a cell that shares its weights with others of its block."""

    @property
    def cell(self) -> Cell:
        """The candidates."""
        ...

    @property
    def widens(self) -> bool:
        """Whether the first and the last layer have the teacher's widths, so that the previous width does not matter."""
        ...

    @property
    def exit(self) -> nn.Module:
        """The output adapter."""
        ...

    def entry(self, previous_width: int) -> nn.Module:
        """Return the stem or input adapter used after a previous width."""
        ...

    def operation(self, layer: int, name: str, previous_width: int) -> nn.Module:
        """Return the module of one candidate operation."""
        ...

    def __call__(self, features: Tensor, path: Path, previous_width: int) -> Tensor:
        """Return one path's estimate of Y_k from Y_{k-1}."""
        ...


class SupernetCell(nn.Module):
    """All paths of one cell, from the teacher's Y_{k-1} to an estimate of its Y_k.

    `previous_widths` are the possible output widths of the previous block, ascending; `teacher_in` and `teacher_out` the
    channels of Y_{k-1} (of the image, for block 1) and Y_k, None if cells are chained without a teacher. The stem is empty
    except for block 1. `adapts` says whether adapters stand before and behind the cell even where its widths agree with the
    teacher's. Y_{k-1} is `ratio` times (rows, columns) as fine as the cell's input, whose height and width are
    `grid`. With `zero_init_residual`, residual layers start as the identity: deep paths then start as good as shallow ones;
    otherwise they start worse and catch up only in longer training.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        stride: int,
        previous_widths: Sequence[int],
        teacher_in: int | None,
        teacher_out: int | None,
        stem: Sequence[Stage] = (),
        interface: Interface = "adapter",
        zero_init_residual: bool = False,
        adapts: tuple[bool, bool] = (False, False),
        ratio: tuple[int, int] = (1, 1),
        grid: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.cell = cell
        self.zero_init_residual = zero_init_residual
        self.widens = interface == "widen"
        self.entries = nn.ModuleDict()
        self.first = nn.ModuleDict()
        for width in [previous_widths[0]] if self.widens else previous_widths:
            received = (teacher_in if self.widens and not stem else None) or width
            self.entries[str(width)] = entrance(
                teacher_in, received, stem=stem, adapts=adapts[0], ratio=ratio, grid=grid
            )
            self.first[str(width)] = self._candidates(0, cell.places(received, stride)[0], teacher_out)
        places = list(enumerate(cell.places(cell.width, stride)))
        self.later = nn.ModuleList(self._candidates(layer, place, teacher_out) for layer, place in places[1:])
        self.exit = nn.Identity() if self.widens else adapter(cell.width, teacher_out, adapts=adapts[1])

    def _candidates(self, layer: int, at: LayerPlace, teacher_out: int | None) -> nn.ModuleDict:
        last = layer == self.cell.depth - 1
        place = Place(
            in_width=at.in_width,
            out_width=(teacher_out if self.widens and last else None) or at.out_width,
            stride=at.stride,
            norm_layer=BATCH_STATISTICS,
        )
        candidates = nn.ModuleDict({op.name: build_operation(op, place) for op in self.cell.layers[layer]})
        initialize(candidates)
        if self.zero_init_residual:
            for candidate in candidates.values():
                silence_residual(candidate)
        return candidates

    def _key(self, previous_width: int) -> str:
        return next(iter(self.first)) if self.widens else str(previous_width)

    def entry(self, previous_width: int) -> nn.Module:
        """Return the stem or input adapter used after a previous width."""
        return self.entries[self._key(previous_width)]

    def operation(self, layer: int, name: str, previous_width: int) -> nn.Module:
        """Return the module of one candidate operation; only the first layer depends on the previous width."""
        candidates = self.later[layer - 1] if layer else self.first[self._key(previous_width)]
        assert isinstance(candidates, nn.ModuleDict)
        return candidates[name]

    def compiled_parts(self) -> Iterable[nn.Module]:
        """Return where its layers are, each of which is compiled alone."""
        return (self.entries, self.first, self.later)

    def forward(
        self, features: Float[Tensor, "batch channels height width"], path: Path, previous_width: int
    ) -> Float[Tensor, "batch channels_out height_out width_out"]:
        """Return one path's estimate of Y_k, in the grid of the cell's output, from Y_{k-1}."""
        x = self.entry(previous_width)(features)
        for layer, operation in enumerate(path.operations):
            x = self.operation(layer, operation.name, previous_width)(x)
        return self.exit(x)


def adapter(received: int | None, given: int | None, *, adapts: bool = False) -> nn.Module:
    """Return a 1x1 convolution with bias between two widths; the identity where one is None, or they agree and not `adapts`."""
    if received is None or given is None or (received == given and not adapts):
        return nn.Identity()
    return nn.Conv2d(received, given, 1)


def entrance(
    teacher_in: int | None,
    width: int,
    *,
    stem: Sequence[Stage],
    adapts: bool,
    ratio: tuple[int, int],
    grid: tuple[int, int],
) -> nn.Module:
    """Return what turns Y_{k-1} (the image, for a block with a stem) into the input of a cell, of `width` channels.

    `ratio` is how many pixels of Y_{k-1} one of the `grid` that the cell takes covers; more than one need a `Bridge`.
    """
    if stem and teacher_in:
        return build_stem(teacher_in, stem)
    if teacher_in and ratio != (1, 1):
        return Bridge(teacher_in, width, ratio, grid)
    return adapter(teacher_in, width, adapts=adapts)


def build_stem(channels: int, stem: Sequence[Stage]) -> nn.Sequential:
    """Return the stem for `channels` input channels, initialised and with batch statistics, as in all of a supernet."""
    modules = build_stages(channels, stem, norm_layer=BATCH_STATISTICS)
    initialize(modules)
    return modules
