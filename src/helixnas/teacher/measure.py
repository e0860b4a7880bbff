"""Measuring what a module's output holds: images along its first axis, and where in it a place of the picture is.

A shape does not tell these. Windows lie along the first axis as images do (Swin's attention), NHWC looks like NCHW
(SAM), class tokens join late (CaiT), and tokens can be in another order than the picture's (Hiera). So the network runs
on one picture, and on copies of it with a patch of noise at known places. In the right layout, the features under the
patch change most. Where features mix so far that no place stands out, the layout is the one that shape and network suggest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.teacher.layout import Layout, grids, layout_of, unusual_layouts, usual_layouts
from helixnas.teacher.probe import FEW_PLACES, MANY_PLACES, Places, cells, images, patches, wider
from helixnas.teacher.trace import run

LOCAL = 0.6
"""Largest share of a patch in the changes at a place above which that place stands out."""

SURE, FAITHFUL = 0.7, 0.5
"""Minimum share of a patch at its place, relative to its largest share: with few places, and with many."""

CLEARER = 0.1
"""Difference of shares by which a less likely layout must exceed the likeliest."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The layout of a module's output, and its channels and size as a feature map."""

    layout: Layout
    channels: int
    size: tuple[int, int]
    others: tuple["Measured", ...] = ()
    """Further feature maps of a module that returns several, such as branches at several strides."""

    def of_size(self, size: tuple[int, int] | None) -> "Measured":
        """Return the feature map of a size, or of the other maps the first that has it; else this one."""
        return next((each for each in (self, *self.others) if each.size == size), self)


@dataclass(frozen=True)
class Refused:
    """Why a module cannot be a boundary, as a sentence that begins with its name."""

    reason: str


def layouts_of(
    model: nn.Module,
    names: Sequence[str],
    input_size: tuple[int, int],
    *,
    in_chans: int,
    sizes: Sequence[tuple[int, int]] = (),
) -> tuple[Layout, ...]:
    """Return the layouts of modules; raises `TeacherError` with the reason if one cannot be a boundary.

    Of a module that returns several feature maps, the one of the size in `sizes` is taken, one entry per module.
    """
    measured = measure(model, names, input_size, in_chans=in_chans)
    layouts: list[Layout] = []
    for name, size in zip(names, sizes or (None,) * len(names), strict=True):
        found = measured[name]
        if isinstance(found, Refused):
            raise TeacherError(found.reason)
        layouts.append(found.of_size(size).layout)
    return tuple(layouts)


def measure(
    model: nn.Module, names: Sequence[str], input_size: tuple[int, int], *, in_chans: int
) -> Mapping[str, Measured | Refused]:
    """Return what each module's output is, in the order of the forward pass, from two batches of three images.

    Where those leave open which order the features have, eight further batches decide. A network on the meta device
    computes nothing; there, layouts are those that the shapes suggest.
    """
    found = _measure(model, names, (in_chans, *input_size), FEW_PLACES)
    unsure = [name for name in found if found[name] is None]
    found |= _measure(model, unsure, (in_chans, *input_size), MANY_PLACES) if unsure else {}
    verdicts = {name: verdict for name, verdict in found.items() if verdict is not None}
    return verdicts | {name: Refused(_runs(name, 0)) for name in names if name not in verdicts}


def _measure(
    model: nn.Module, names: Sequence[str], shape: tuple[int, int, int], places: Places
) -> dict[str, Measured | Refused | None]:
    """Return what each module's output is; None if few places do not decide.

    The first image is the same in all batches, so a module whose rows depend on each other shows.
    """
    traces: dict[str, _Trace] = {}
    picture, *marked = images(shape, places)
    for first in range(0, len(marked), 2):

        def note(name: str, output: Any) -> None:
            traces.setdefault(name, _Trace()).add(output)

        run(model, names, note, torch.stack([picture, *marked[first : first + 2]]))
    channels = _declared_channels(model)
    return {
        name: _judge(_Question(model, name, shape[1:], places, channels.get(name, frozenset())), trace)
        for name, trace in traces.items()
    }


@dataclass(frozen=True)
class _Question:
    """A module, and what is known before its output is looked at."""

    model: nn.Module
    name: str
    input_size: tuple[int, int]
    places: Places
    channels: frozenset[int]
    """Channels that ``feature_info`` declares."""


@dataclass
class _Seen:
    """One tensor of a module's output: changes by each patch, summed over an axis, and a sample of the first image."""

    shape: tuple[int, ...]
    changes: dict[int, list[Tensor]] = field(default_factory=dict[int, list[Tensor]])
    samples: list[Tensor] = field(default_factory=list[Tensor])


class _Trace:
    """Summary of a module's outputs; the tensors themselves would fill the memory for all modules of a network."""

    def __init__(self) -> None:
        self.runs = 0
        self.blank: Any = None
        self.seen: dict[int | None, _Seen] = {}

    def add(self, output: Any) -> None:
        """Note the output of a batch."""
        self.runs += 1
        items = dict(enumerate(output)) if isinstance(output, (tuple, list)) else {None: output}
        self.blank = output[:1] if isinstance(output, Tensor) and output.ndim else output
        for item, tensor in items.items():
            if isinstance(tensor, Tensor) and tensor.ndim in (3, 4) and tensor.is_floating_point():
                self._add(self.seen.setdefault(item, _Seen(tuple(tensor.shape))), tensor)

    def _add(self, seen: _Seen, tensor: Tensor) -> None:
        if len(tensor) != 3 or tensor.is_meta or seen.shape != tuple(tensor.shape):
            return
        changes = (tensor[1:].float() - tensor[:1].float()).abs()
        for axis in (1, 3) if tensor.ndim == 4 else (2,):
            seen.changes.setdefault(axis, []).append(changes.sum(axis).cpu())
        first = tensor[0].flatten()
        seen.samples.append(first[:: max(1, len(first) // 256)].float().cpu())


def _judge(asked: _Question, trace: _Trace) -> Measured | Refused | None:
    batches = len(asked.places) // 2
    if trace.runs != batches:
        return Refused(_runs(asked.name, trace.runs // batches))
    if not trace.seen:
        try:
            layout_of(asked.model, asked.name, trace.blank, asked.input_size)
        except TeacherError as error:
            return Refused(str(error))
    verdicts = [_judge_tensor(asked, item, seen) for item, seen in trace.seen.items()]
    passed = [verdict for verdict in verdicts if isinstance(verdict, Measured)]
    fitting = [verdict for verdict in passed if verdict.channels in asked.channels]
    undecided = [verdict for verdict in verdicts if verdict is None]
    none = Refused(f"module {asked.name!r} returns no feature map")
    chosen, *_ = fitting or undecided or passed or verdicts or [none]
    if not isinstance(chosen, Measured):
        return chosen
    return replace(chosen, others=tuple(other for other in passed if other is not chosen))


def _runs(name: str, runs: int) -> str:
    times = "does not run in" if runs == 0 else f"runs {runs} times in"
    return f"module {name!r} {times} the teacher's forward pass; a boundary must run exactly once"


def _judge_tensor(asked: _Question, item: int | None, seen: _Seen) -> Measured | Refused | None:
    if seen.shape[0] != 3:
        return Refused(
            f"the first axis of the output of module {asked.name!r} holds windows, heads or tokens, not images: it has "
            f"length {seen.shape[0]} for 3 images; a boundary needs one feature map per image"
        )
    if any(not _equal(seen.samples[0], sample) for sample in seen.samples[1:]):
        return Refused(
            f"the output of module {asked.name!r} for an image depends on the other images of the batch, so it cannot "
            "be a boundary"
        )
    try:
        layout = _best_layout(asked, seen)
    except TeacherError as error:
        return Refused(str(error))
    if layout is None:
        return None
    features = layout.to_nchw(torch.empty(seen.shape, device="meta"))
    size = (int(features.shape[2]), int(features.shape[3]))
    return Measured(layout=replace(layout, item=item), channels=int(features.shape[1]), size=size)


def _best_layout(asked: _Question, seen: _Seen) -> Layout | None:
    """Return the layout in which changes are where the patches are, None if few places do not decide.

    Raises `TeacherError` if the changes are elsewhere.
    """
    known = {axis: _shares(torch.cat(parts)) for axis, parts in seen.changes.items()}
    shares = {axis: each for axis, each in known.items() if each is not None}

    def fits(layouts: Iterable[tuple[Layout, int]]) -> list[_Fit]:
        return [_fit(asked, layout, axis, shares[axis]) for layout, axis in layouts if axis in shares]

    usual = fits(usual_layouts(asked.model, seen.shape, asked.input_size))
    suggested = _suggested(asked, seen)
    if len(asked.places) == len(FEW_PLACES):
        chosen = _choose(usual)
        local = chosen is not None and chosen.largest >= LOCAL
        if chosen is not None and local and (chosen.relative >= SURE or _is_near(asked, seen, chosen)):
            return chosen.layout
        axis = 2 if len(seen.shape) == 3 else 3 if suggested is not None and suggested.kind == "nhwc" else 1
        undecidable = axis not in shares or _largest(shares[axis]) < LOCAL
        if not undecidable or (suggested is None and shares):
            return None
    else:
        undecidable = not shares
        chosen = _choose([*usual, *fits(unusual_layouts(asked.model, seen.shape, asked.input_size))])
        if chosen is not None and chosen.relative >= FAITHFUL:
            return chosen.layout
        if usual and _is_near(asked, seen, usual[0]):
            return usual[0].layout
        undecidable = undecidable or (len(seen.shape) == 4 and _channels(seen.shape, suggested) in asked.channels)
    if suggested is not None and undecidable:
        return suggested
    if suggested is None:
        layout_of(asked.model, asked.name, torch.empty(seen.shape, device="meta"), asked.input_size)
    raise TeacherError(
        f"the output of module {asked.name!r}, of shape {seen.shape[1:]} per image, is not in the order of the picture: "
        "changes at known places of the image appear at others, so it cannot be a boundary"
    )


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """How well a layout explains the changes."""

    layout: Layout
    agreement: float
    """Mean share, under each patch, of the changes that are due to it."""

    largest: float
    """Mean of the largest shares of the patches, wherever they are."""

    nearby: float
    """Mean of the largest shares of the patches at most one cell away from where they are."""

    @property
    def relative(self) -> float:
        return self.agreement / self.largest


def _choose(fits: Sequence[_Fit]) -> _Fit | None:
    """Return the first layout unless a later one fits clearly better."""
    if not fits:
        return None
    best = max(fits, key=lambda each: each.agreement)
    return best if best.agreement > fits[0].agreement + CLEARER else fits[0]


def _is_near(asked: _Question, seen: _Seen, fit: _Fit) -> bool:
    """Return whether a map of the image's aspect changes at most a cell away from the patches.

    After convolutions without normalisation few places change at all, and the patch's own need not be among them.
    """
    size = seen.shape[2:] if fit.layout.kind == "nchw" else seen.shape[1:3]
    return (
        len(seen.shape) == 4 and size in set(grids(asked.model, asked.input_size)) and fit.nearby >= SURE * fit.largest
    )


def _fit(asked: _Question, layout: Layout, axis: int, shares: Tensor) -> _Fit:
    features = layout.to_nchw(shares.unsqueeze(axis))[:, 0]
    means: list[float] = []
    nearby: list[float] = []
    for share, (top, left, side) in zip(features, patches(asked.input_size, asked.places), strict=True):
        down = cells(top, side, asked.input_size[0], share.shape[0])
        across = cells(left, side, asked.input_size[1], share.shape[1])
        if not bool(share.isnan().any()):
            means.append(share[down, across].mean().item())
            nearby.append(share[wider(down, share.shape[0]), wider(across, share.shape[1])].max().item())
    agreement, near = sum(means) / len(means), sum(nearby) / len(nearby)
    return _Fit(layout=layout, agreement=agreement, nearby=near, largest=_largest(shares))


def _suggested(asked: _Question, seen: _Seen) -> Layout | None:
    try:
        layout = layout_of(asked.model, asked.name, torch.empty(seen.shape, device="meta"), asked.input_size)
    except TeacherError:
        return None
    if layout.kind != "tokens" and seen.shape[1] not in asked.channels and seen.shape[3] in asked.channels:
        return Layout("nhwc")
    return layout


def _channels(shape: Sequence[int], layout: Layout | None) -> int:
    return shape[1] if layout is not None and layout.kind == "nchw" else shape[-1]


def _shares(changes: Tensor) -> Tensor | None:
    """Return the share of each patch in the changes at each place, about 0 where nearly nothing changes.

    The shares of a patch without effect are not a number; None if more than a quarter of the patches has no effect.
    """
    if not bool(torch.isfinite(changes).all()):
        return None
    effects = changes.flatten(1).sum(1)
    effective = effects > 1e-3 * effects.max()
    if int(effective.sum()) < 0.75 * len(changes):
        return None
    total = changes.sum(0)
    shares = changes / (total + 0.05 * total.mean())
    shares[~effective] = torch.nan
    return shares


def _largest(shares: Tensor) -> float:
    """Return the mean over the patches of the largest share of each."""
    return shares.flatten(1).amax(1).nanmean().item()


def _equal(first: Tensor, second: Tensor) -> bool:
    """Return whether two outputs for one image are the same up to rounding."""
    return bool(((first - second).abs() <= 0.02 * first.abs().mean() + 0.02 * first.abs() + 1e-6).all()) or not bool(
        torch.isfinite(first).all()
    )


def _declared_channels(model: nn.Module) -> dict[str, frozenset[int]]:
    """Return the channels of the modules that timm's ``feature_info`` names."""
    info: Any = getattr(model, "feature_info", None)
    found: dict[str, frozenset[int]] = {}
    for part in info if isinstance(info, list) else []:
        name = part.get("module")
        if name and part.get("num_chs"):
            found[name] = found.get(name, frozenset()) | {int(part["num_chs"])}
    return found
