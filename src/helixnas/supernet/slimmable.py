"""Slimmable cells: all cells of one depth of a block share their weights by slicing (Sec. 4.2, after slimmable networks).

With a cell per width, each needs memory and training of its own. Here the largest width's tensors are the storage, and a
narrower cell is a slice of them (`helixnas.supernet.sliced_layer`), so a step of one width also trains a part of all others.

Per width, not sliced: layer norms, and the adapters between the teacher's width and the cell's. An adapter is scaffolding
that no network keeps. The stem of block 1 belongs to all cells of a depth.
The first layer is one storage for all previous widths, of which its patch convolution takes a slice.
"""

from collections.abc import Iterable, Iterator, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from helixnas.space import Cell, LayerPlace, Operation, Path, Stage
from helixnas.supernet.cell import adapter, entrance
from helixnas.supernet.regions import whole_region
from helixnas.supernet.sliced_layer import Slice, SlicedLayer, end_key


class SlimmableCells(nn.Module):
    """Cells of a block that have the same depth, and differ in width and operations; arguments as of `SupernetCell`.

    With `two_sided`, a slice may also hold the last channels, heads and hidden units: `suffix` in the methods. Such slices
    are trained beside the others and have norms and adapters of their own; only the first ones are rated and inherited.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        stride: int,
        previous_widths: Sequence[int],
        teacher_in: int | None,
        teacher_out: int | None,
        stem: Sequence[Stage] = (),
        zero_init_residual: bool = False,
        two_sided: bool = False,
        adapts: tuple[bool, bool] = (False, False),
        ratio: tuple[int, int] = (1, 1),
        grid: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.stride = stride
        self.two_sided = two_sided
        self.widest_before = max(previous_widths)
        self.widest = max(cell.width for cell in cells)
        self.cells = tuple(SliceCell(self, cell) for cell in cells)
        ends = (False, True) if two_sided else (False,)
        self.entries = nn.ModuleDict()
        for width in previous_widths:
            for suffix in ends:
                entry = entrance(teacher_in, width, stem=stem, adapts=adapts[0], ratio=ratio, grid=grid)
                self.entries[end_key(width, self.widest_before, suffix)] = entry
        self.layers = nn.ModuleList()
        for layer in range(cells[0].depth):
            candidates = dict.fromkeys(operation for cell in cells for operation in cell.layers[layer])
            places = [cell.places(width, stride)[layer] for cell in cells for width in previous_widths]
            self.layers.append(
                SlicedLayer(candidates, places, two_sided=two_sided, zero_init_residual=zero_init_residual)
            )
        self.exits = nn.ModuleDict()
        for cell in cells:
            for suffix in ends:
                self.exits[end_key(cell.width, self.widest, suffix)] = adapter(
                    cell.width, teacher_out, adapts=adapts[1]
                )

    def entry(self, previous_width: int, *, suffix: bool = False) -> nn.Module:
        """Return the stem or input adapter used after a previous width."""
        return self.entries[end_key(previous_width, self.widest_before, suffix)]

    def exit(self, width: int, *, suffix: bool = False) -> nn.Module:
        """Return the output adapter of a width."""
        return self.exits[end_key(width, self.widest, suffix)]

    def layer(self, number: int) -> SlicedLayer:
        """Return the stored weights of a layer, from 0."""
        layer = self.layers[number]
        assert isinstance(layer, SlicedLayer)
        return layer

    def compiled_parts(self) -> Iterable[nn.Module]:
        """Return nothing: slices of shared weights run as they are."""
        return ()

    def forward(
        self,
        features: Float[Tensor, "batch channels height width"],
        path: Path,
        previous_width: int,
        suffix: bool = False,
    ) -> Float[Tensor, "batch channels_out height_out width_out"]:
        """Return one path's estimate of Y_k from Y_{k-1}."""
        x = self.entry(previous_width, suffix=suffix)(features)
        for number, operation, place in self._layers_of(path, previous_width):
            x = self.layer(number).candidate(operation, place, suffix=suffix)(x)
        return self.exit(path.width, suffix=suffix)(x)

    def slices(self, path: Path, previous_width: int, suffix: bool = False) -> Iterator[Slice]:
        """Yield every parameter that a path uses, with the region of it."""
        for outer in (self.entry(previous_width, suffix=suffix), self.exit(path.width, suffix=suffix)):
            for parameter in outer.parameters():
                yield parameter, whole_region(parameter)
        for number, operation, place in self._layers_of(path, previous_width):
            yield from self.layer(number).slices(operation, place, suffix=suffix).values()

    def _layers_of(self, path: Path, previous_width: int) -> Iterator[tuple[int, Operation, LayerPlace]]:
        places = Stage(self.stride, path).places(previous_width)
        return zip(range(path.depth), path.operations, places, strict=True)


class SliceCell:
    """One cell of `SlimmableCells`, as rating and inheritance see it: the first channels of the stored weights."""

    widens = False

    def __init__(self, shared: SlimmableCells, cell: Cell) -> None:
        self._shared = shared
        self.cell = cell

    def entry(self, previous_width: int) -> nn.Module:
        """Return the stem or input adapter used after a previous width."""
        return self._shared.entry(previous_width)

    @property
    def exit(self) -> nn.Module:
        """The output adapter."""
        return self._shared.exit(self.cell.width)

    def operation(self, layer: int, name: str, previous_width: int) -> nn.Module:
        """Return the module of one candidate operation; only the first layer depends on the previous width."""
        operation = next(each for each in self.cell.layers[layer] if each.name == name)
        place = self.cell.places(previous_width, self._shared.stride)[layer]
        return self._shared.layer(layer).candidate(operation, place)

    def __call__(
        self, features: Float[Tensor, "batch channels height width"], path: Path, previous_width: int
    ) -> Float[Tensor, "batch channels_out height_out width_out"]:
        """Return one path's estimate of Y_k from Y_{k-1}."""
        return self._shared(features, path, previous_width)
