"""The stream of a network: the outputs through which alone the prediction depends on the image.

A cut of a teacher must not be passed by: whatever the network computes later may depend on the image only through the
boundary. An inner branch (attention, MLP, an expanded hidden layer) is no such output, because a shortcut runs beside it. The
graph that autograd records in one pass on the meta device tells: an output is on the stream if it dominates the
prediction. The same pass counts the multiply-adds up to every output.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from helixnas.errors import TeacherError, on_one_line
from helixnas.nn.counting import countable_copy, meta_copy
from helixnas.teacher.shortcut import parents
from helixnas.teacher.trace import listening, run_blank

Value = tuple[Any, int]
"""A tensor in autograd's graph: the operation that made it, and which of its outputs it is."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Where a network can be cut, in the order of the forward pass."""

    macs: Mapping[str, int]
    """Multiply-adds up to and including each module whose output is a block's, by the module's name."""

    total: int
    """Multiply-adds up to the last of these outputs."""

    passed: frozenset[str]
    """Modules that run once but beside which information flows."""

    same: Mapping[str, str]
    """For every module on the stream, the outermost module with the same output, which stands for it in `macs`."""


def trace_stream(model: nn.Module, input_size: tuple[int, int], *, in_chans: int = 3) -> Stream:
    """Return the stream of a network for one image of `input_size` (height, width); the network does not change.

    Modules inside of a block are left out: a block is a module beside whose parts information flows, or another one of its
    class, or an element of a sequence that holds no sequence itself. Raises `TeacherError` if the network does not accept
    such images.

    >>> class Residual(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.inner = nn.Conv2d(3, 3, 1)
    ...
    ...     def forward(self, x):
    ...         return x + self.inner(x)
    >>> stream = trace_stream(nn.Sequential(Residual(), Residual()), (2, 2))
    >>> dict(stream.macs), sorted(stream.passed)
    ({'0': 36, '1': 72}, ['0.inner', '1.inner'])
    """
    shape = (in_chans, *input_size)
    if any(
        isinstance(each, UninitializedParameter | UninitializedBuffer)
        for each in (*model.parameters(), *model.buffers())
    ):
        run_blank(model, (), lambda name, output: None, shape)  # lazy modules find their sizes
    try:
        trace = _trace(meta_copy(model), (1, *shape), "meta")
    except Exception:  # not every network runs without values
        trace = _trace(countable_copy(model), (1, *shape), _like(model).device)
    once = {name: values for name, values in trace.values.items() if values and trace.runs[name] == 1}
    graph = _Graph(trace.output)
    cuts = graph.dominators()
    on_stream = {name for name, values in once.items() if set(values) & cuts or graph.separates(values)}
    blocks = _blocks(model, on_stream, once.keys() - on_stream)
    whole = [name for name in once if name in on_stream and blocks.isdisjoint(parents(name))]
    same = _outermost(whole, once)
    macs = {name: trace.macs[name] for name in whole if same[name] == name}
    passed = frozenset(once.keys() - on_stream)
    return Stream(macs=macs, total=max(macs.values(), default=0), passed=passed, same=same)


@dataclass(frozen=True)
class _Trace:
    """What a forward pass shows of every module: its output's values, multiply-adds until it finished, number of runs."""

    values: Mapping[str, tuple[Value, ...]]
    macs: Mapping[str, int]
    runs: Mapping[str, int]
    output: tuple[Value, ...]


def _trace(model: nn.Module, shape: tuple[int, ...], device: torch.device | str) -> _Trace:
    values: dict[str, tuple[Value, ...]] = {}
    macs: dict[str, int] = {}
    runs: dict[str, int] = {}
    names = [name for name, _ in model.named_modules() if name]
    model.eval().requires_grad_(False)
    images = torch.zeros(shape, device=device, dtype=_like(model).dtype, requires_grad=True)
    with FlopCounterMode(display=False) as counter:

        def note(name: str, output: Any) -> None:
            runs[name] = runs.get(name, 0) + 1
            values[name] = _values(output)
            macs[name] = counter.get_total_flops() // 2

        kept = torch.autograd.graph.saved_tensors_hooks(lambda tensor: None, lambda nothing: nothing)
        with torch.enable_grad(), kept, listening(model, names, note):
            try:
                output = model(images)
            except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
                raise TeacherError(
                    f"the teacher cannot take images of {shape[2]} x {shape[3]} pixels with {shape[1]} channels: "
                    f"{on_one_line(error)}"
                ) from error
    return _Trace(values, macs, runs, _values(output))


def _like(model: nn.Module) -> Tensor:
    """Return a tensor of the network's device and precision."""
    return next((each for each in model.parameters() if each.is_floating_point()), torch.empty(0))


def _values(output: Any) -> tuple[Value, ...]:
    """Return the tensors of an output that depend on the image."""
    tensors = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
    return tuple(dict.fromkeys((each.grad_fn, each.output_nr) for each in tensors if each.grad_fn is not None))


class _Graph:
    """Autograd's graph behind some tensors, from the image up."""

    def __init__(self, output: Sequence[Value]) -> None:
        self.output = tuple(output)

    def dominators(self) -> set[Value]:
        """Return the tensors on every way from the image to the output (Cooper, Harvey, Kennedy 2001, without loops)."""
        before: dict[Any, Value | None] = {}  # operation -> the nearest tensor on every way to it
        depth: dict[Value | None, int] = {None: 0}
        for operation in self._operations():
            received = [value for value in operation.next_functions if value[0] is not None]
            for value in received:
                if value not in depth:
                    depth[value] = depth[before[value[0]]] + 1
            before[operation] = _common(received, before, depth)
        for value in self.output:
            depth.setdefault(value, depth[before[value[0]]] + 1)
        last = _common(self.output, before, depth)
        found = set[Value]()
        while last is not None:
            found.add(last)
            last = before[last[0]]
        return found

    def separates(self, values: Sequence[Value]) -> bool:
        """Return whether every way from the image to the output passes one of several tensors (branches of one module)."""
        if len(values) < 2:
            return False
        seen, waiting = set(values), [value for value in self.output if value not in values]
        while waiting:
            value = waiting.pop()
            if value in seen:
                continue
            seen.add(value)
            if not value[0].next_functions:  # the image
                return False
            waiting += [each for each in value[0].next_functions if each[0] is not None and each not in seen]
        return True

    def _operations(self) -> Iterator[Any]:
        """Yield every operation after those whose results it reads."""
        done, waiting = set[Any](), [value[0] for value in self.output]
        while waiting:
            operation = waiting[-1]
            missing = [each for each, _ in operation.next_functions if each is not None and each not in done]
            if operation in done or not missing:
                waiting.pop()
                if operation not in done:
                    done.add(operation)
                    yield operation
            else:
                waiting += missing


def _common(
    values: Sequence[Value], before: Mapping[Any, Value | None], depth: Mapping[Value | None, int]
) -> Value | None:
    """Return the last tensor on every way to any of these; None if there is none."""
    chosen: Value | None = values[0] if values else None
    for value in values[1:]:
        first, second = chosen, value
        while first != second:
            if depth[first] < depth[second]:
                first, second = second, first
            first = before[first[0]] if first is not None else None
        chosen = first
    return chosen


def _blocks(model: nn.Module, on_stream: Collection[str], passed: Collection[str]) -> set[str]:
    """Return the modules that are whole blocks, or inside of one."""
    modules = dict(model.named_modules())
    sequences = {name for name, module in modules.items() if isinstance(module, (nn.Sequential, nn.ModuleList))}
    branched = {next((parent for parent in parents(name) if parent in on_stream), "") for name in passed} - {
        "",
        *sequences,
    }
    kinds = {type(modules[name]) for name in branched}
    holders = {parent for name in on_stream if parent_of(name) in sequences for parent in parents(parent_of(name))}
    elements = {name for name in modules if parent_of(name) in sequences}
    return {
        name
        for name, module in modules.items()
        if type(module) in kinds or (name in elements and name not in sequences and name not in holders)
    }


def parent_of(name: str) -> str:
    """Return the name of the module that contains a module; empty for the network."""
    return name.rpartition(".")[0]


def _outermost(names: Sequence[str], values: Mapping[str, tuple[Value, ...]]) -> dict[str, str]:
    """Return for each module the outermost one with the same output."""
    chosen: dict[tuple[Value, ...], str] = {}
    for name in names:
        known = chosen.setdefault(values[name], name)
        if name.count(".") < known.count("."):
            chosen[values[name]] = name
    return {name: chosen[values[name]] for name in names}
