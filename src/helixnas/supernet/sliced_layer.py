"""All candidates of one layer as slices of the largest (slimmable cells).

The largest layer is an ordinary transformer layer; its tensors are the storage. A narrower candidate uses the first
channels, heads and hidden units of the MLP of each tensor (`suffix`: the last). It is run by the very module that a
network would have, with slices in place of its own weights, so a slice is a smaller layer by construction. Queries, keys
and values are stored apart, heads first, so a slice of heads is a slice of rows, biases included.

Two things are not sliced. Layer norms have their own affine for every width, because the scale of a token depends on the
number of its channels. The patch convolution at the entry, where width or grid change, is stored for the largest widths
before and after, and absent in a slice that has none as a layer of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from torch import Tensor, nn
from torch.func import functional_call

from helixnas.nn import BATCH_STATISTICS, Place, build_operation, initialize, silence_residual, without_values
from helixnas.nn.attention import AttentionLayer, LayerNorm
from helixnas.nn.patches import PatchConv
from helixnas.space import LayerPlace, Operation
from helixnas.space.operation import Option
from helixnas.space.slicing import mlp_ratio_of
from helixnas.supernet.regions import Region, region_of, view_of

Slice = tuple[nn.Parameter, Region]
"""A stored parameter and the region of it that is used."""

NORMS = ("norm1", "norm2")
"""The layer norms of a transformer layer."""


class LayerSlice(nn.Module):
    """One candidate layer that borrows slices of stored weights in every call; it has none of its own.

    `state_dict` holds copies of the slices, by the names of the layer as a network builds it.
    """

    def __init__(self, layer: nn.Module, weights: Callable[[], dict[str, Tensor]]) -> None:
        super().__init__()
        self._layer = (layer,)  # within a tuple, so that its empty weights are not taken for those of this module
        self._weights = weights

    @property
    def layer(self) -> nn.Module:
        """The layer that a network would build, on the meta device: shapes without weights."""
        return self._layer[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output; gradients flow to the stored weights."""
        return functional_call(self.layer, self._weights(), (x,), tie_weights=False, strict=True)

    def _save_to_state_dict(self, destination: dict[str, Tensor], prefix: str, keep_vars: bool) -> None:
        for name, weight in self._weights().items():
            destination[prefix + name] = weight if keep_vars else weight.detach()


class SlicedLayer(nn.Module):
    """The stored weights of all candidates of one layer, which may stand at any of `places`.

    Candidates that differ in more than their MLP ratio (bias, layer scale, activation, channels of a head) share nothing.
    With `two_sided`, slices may also be the last channels, heads and hidden units; these have norms of their own.
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        places: Iterable[LayerPlace],
        *,
        two_sided: bool = False,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        places = tuple(dict.fromkeys(places))
        self.widest = LayerPlace(*(max(sizes) for sizes in zip(*places, strict=True)))
        self.stored = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        self._families: dict[Operation, str] = {}
        self._candidates: dict[tuple[Operation, LayerPlace, bool], LayerSlice] = {}
        ends = (False, True) if two_sided else (False,)
        for operation in sorted(operations, key=mlp_ratio_of, reverse=True):
            largest = next((each for each in self._families if shared_options(each) == shared_options(operation)), None)
            self._families[operation] = operation.name if largest is None else self._families[largest]
            if largest is None:
                self.stored[operation.name] = self._largest(operation, places, zero_init_residual)
                self.norms[operation.name] = nn.ModuleDict(
                    {
                        end_key(at.out_width, self.widest.out_width, suffix): _norms(at.out_width)
                        for suffix in ends
                        for at in places
                    }
                )

    def _largest(self, operation: Operation, places: Iterable[LayerPlace], silent: bool) -> AttentionLayer:
        """Return the storage: the layer of the largest widths, its norms left to the widths, its entry to those that need one."""
        layer = build_operation(operation, Place(**self.widest._asdict(), norm_layer=BATCH_STATISTICS))
        assert isinstance(layer, AttentionLayer), "checked by require_sliceable"
        initialize(layer)
        if silent:
            silence_residual(layer)
        if isinstance(layer.entry, nn.Identity) and any(at.in_width != at.out_width for at in places):
            layer.entry = PatchConv(self.widest.in_width, self.widest.out_width, self.widest.stride)
        for name in NORMS:
            setattr(layer, name, nn.Identity())
        return layer

    def candidate(self, operation: Operation, place: LayerPlace, *, suffix: bool = False) -> LayerSlice:
        """Return the module of one candidate at one place."""
        key = (operation, place, suffix)
        if key not in self._candidates:
            with without_values():
                layer = build_operation(operation, Place(**place._asdict(), norm_layer=BATCH_STATISTICS))
            self._candidates[key] = LayerSlice(layer, partial(self._weights, operation, place, suffix))
        return self._candidates[key]

    def slices(self, operation: Operation, place: LayerPlace, *, suffix: bool = False) -> Mapping[str, Slice]:
        """Return the stored parameter and its region for every parameter of a candidate, by name."""
        family, end = self._families[operation], end_key(place.out_width, self.widest.out_width, suffix)
        norms = self.norms[family].get_submodule(end)
        found: dict[str, Slice] = {}
        for name, own in self.candidate(operation, place, suffix=suffix).layer.named_parameters():
            owner = norms if name.startswith(NORMS) else self.stored[family]
            parameter = owner.get_parameter(name)
            found[name] = (parameter, region_of(own.shape, parameter.shape, suffix=suffix))
        return found

    def _weights(self, operation: Operation, place: LayerPlace, suffix: bool) -> dict[str, Tensor]:
        slices = self.slices(operation, place, suffix=suffix)
        return {name: view_of(parameter, region) for name, (parameter, region) in slices.items()}


def shared_options(operation: Operation) -> tuple[tuple[str, Option], ...]:
    """Return the options in which candidates must agree to share weights: all but the MLP ratio.

    >>> from helixnas.space import attention_operation
    >>> shared_options(attention_operation(2)) == shared_options(attention_operation(4))
    True
    """
    return tuple(option for option in operation.options if option[0] != "mlp_ratio")


def end_key(width: int, widest: int, suffix: bool) -> str:
    """Return the name of what belongs to the first or last `width` of `widest` channels; both are all of them if equal.

    >>> end_key(8, 16, False), end_key(8, 16, True), end_key(16, 16, True)
    ('8', '8-suffix', '16')
    """
    return f"{width}-suffix" if suffix and width < widest else str(width)


def _norms(width: int) -> nn.ModuleDict:
    return nn.ModuleDict({name: LayerNorm(width) for name in NORMS})
