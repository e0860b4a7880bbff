"""The teacher: any network; hooks at named modules collect Y_0 .. Y_N in one forward pass (Sec. 3.3).

A frozen teacher stays in eval mode: batch statistics or dropout would add noise to the targets. A learnable teacher (DNA++,
Sec. 3.5) passes each block's output on *detached*, so each block learns only from its own loss.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from helixnas.errors import ConfigError, TeacherError
from helixnas.nn import Normalization
from helixnas.teacher.boundaries import record_boundaries
from helixnas.teacher.layout import Layout
from helixnas.teacher.measure import layouts_of
from helixnas.teacher.shortcut import modules_before, skipping
from helixnas.teacher.standardization import Standardization
from helixnas.teacher.trace import Recorder, listening, run_blank


class Teacher(nn.Module):
    """A network with N boundaries that returns Y_0 (the normalised image) to Y_N as NCHW feature maps.

    `boundaries` name the modules whose outputs are Y_1 .. Y_N, in forward order; `widths` and `feature_sizes` are their
    channels, and height and width for images of `input_size`. `mean` and `std` per channel normalise images in [0, 1]. A
    frozen network stays in eval mode without gradients; with `detach_boundaries`, outputs are passed on detached (DNA++).
    `layouts` of the boundaries are measured unless they are given. `source` says in words where its weights come from, and
    `reasons` why it is cut at each boundary, if that is known.
    After `standardize`, Y_1 .. Y_N are standardised in all methods: each channel has mean 0 and variance 1.

    Raises:
        UnknownNameError, TeacherError: a boundary does not exist or is not valid.
        ConfigError: `detach_boundaries` is set for a frozen teacher, or `mean` and `std` differ in length.

    >>> network = nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    >>> teacher = Teacher(network, ("0", "1"), mean=(0.0,), std=(0.5,), input_size=(8, 8))
    >>> [tuple(features.shape) for features in teacher.features(torch.ones(2, 1, 8, 8))]
    [(2, 1, 8, 8), (2, 1, 4, 4), (2, 1, 2, 2)]
    >>> teacher.continue_from(torch.ones(2, 1, 8, 8), 2, torch.full((2, 1, 2, 2), 7.0))
    tensor([[7.], [7.]])
    """

    def __init__(
        self,
        model: nn.Module,
        boundaries: Sequence[str],
        *,
        mean: Sequence[float] = IMAGENET_DEFAULT_MEAN,
        std: Sequence[float] = IMAGENET_DEFAULT_STD,
        input_size: tuple[int, int],
        frozen: bool = True,
        detach_boundaries: bool = False,
        layouts: Sequence[Layout] = (),
    ) -> None:
        super().__init__()
        normalization = Normalization(mean, std)
        if frozen and detach_boundaries:
            raise ConfigError("a frozen teacher does not learn, so detach_boundaries needs frozen=False")
        recorder, output = record_boundaries(model, boundaries, (len(mean), *input_size))
        if not isinstance(output, Tensor) or output.ndim != 2:
            raise TeacherError(
                "the teacher's output must be logits of shape (batch, classes), so it must be a whole classifier"
            )
        self.model = model
        self.source = ""
        self.reasons: tuple[str, ...] = ()
        self.boundaries = tuple(boundaries)
        self.input_size = input_size
        self.frozen = frozen
        self.detach_boundaries = detach_boundaries
        outputs = recorder.outputs  # in the order of the boundaries
        self.layouts = tuple(layouts) or layouts_of(model, boundaries, input_size, in_chans=len(mean))
        shapes = [layout.to_nchw(output).shape for layout, output in zip(self.layouts, outputs.values(), strict=True)]
        self.widths = tuple(int(shape[1]) for shape in shapes)
        self.feature_sizes = tuple((int(shape[2]), int(shape[3])) for shape in shapes)
        self.num_classes = int(getattr(model, "num_classes", output.shape[-1]))
        self._overwritten = frozenset(name for name in boundaries if recorder.was_overwritten(name))
        self._shortcuts: dict[int, tuple[str, ...] | None] = {}
        self.feature_statistics = nn.ModuleList()
        self.normalize = normalization
        if frozen:
            self.model.requires_grad_(False)
        self.train(not frozen)

    def train(self, mode: bool = True) -> "Teacher":
        """Set training mode; the network of a frozen teacher stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    @property
    def mean(self) -> Tensor:
        """Mean of the normalisation, (1, channels, 1, 1)."""
        return self.normalize.mean

    @property
    def std(self) -> Tensor:
        """Standard deviation of the normalisation, (1, channels, 1, 1)."""
        return self.normalize.std

    def standardize(self, statistics: Sequence[Standardization]) -> None:
        """Standardise Y_1 .. Y_N from now on, with one entry per boundary; an empty sequence turns it off."""
        found = tuple(each.mean.shape[1] for each in statistics)
        if statistics and found != self.widths:
            raise TeacherError(f"features of widths {list(self.widths)} cannot have statistics of widths {list(found)}")
        self.feature_statistics = nn.ModuleList(statistics)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the network's output for images in [0, 1]."""
        return self._run(self.normalize(images))

    def features(self, images: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, ...]:
        """Return Y_0 .. Y_N of images in [0, 1], each (batch, channels, height, width)."""
        return self.features_and_logits(images)[0]

    def features_and_logits(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "batch classes"]]:
        """Return Y_0 .. Y_N and the network's output, from one forward pass."""
        collected: list[Tensor] = []

        def collect(name: str, output: Any) -> Any:
            collected.append(self._collected(len(collected) + 1, output))
            return _detached(output, copied=name in self._overwritten) if self.detach_boundaries else None

        normalized = self.normalize(images)
        with listening(self.model, self.boundaries, collect):
            logits = self._run(normalized)
        return (normalized, *collected), logits

    def continue_from(
        self,
        images: Float[Tensor, "batch channels height width"],
        block: int,
        features: Float[Tensor, "batch features rows columns"],
    ) -> Float[Tensor, "batch classes"]:
        """Return the network's output when Y_k of block `block` (1 .. N) is replaced by `features`.

        Information that bypasses the boundary (class tokens) comes from `images`; see `depends_on`. If nothing bypasses
        it in a frozen network, only the modules after the boundary run; the first call for a block checks this.
        Gradients flow to `features`. Raises `TeacherError` if there is no such block, or the features do not have the
        shape of Y_k.
        """
        if not 1 <= block <= len(self.boundaries):
            raise TeacherError(f"the teacher has blocks 1 .. {len(self.boundaries)}, not {block}")
        expected = (len(images), self.widths[block - 1], *self.feature_sizes[block - 1])
        if features.shape != expected:
            raise TeacherError(
                f"features of shape {tuple(features.shape)} cannot replace the teacher's at boundary "
                f"{self.boundaries[block - 1]!r}, which have shape {expected}"
            )
        features = self._unstandardized(block, features)
        if not self.frozen:
            return self._continue_in_full(images, block, features)
        if block not in self._shortcuts:
            self._shortcuts[block] = self._find_shortcut(images, block, features)
        before = self._shortcuts[block]
        if before is None:
            return self._continue_in_full(images, block, features)
        return self._continue_from_boundary(images, block, features, before)

    def finish_from(
        self,
        images: Float[Tensor, "batch channels height width"],
        block: int,
        features: Float[Tensor, "batch features rows columns"],
    ) -> tuple[Float[Tensor, "batch channels_out rows_out columns_out"], Float[Tensor, "batch classes"]]:
        """Return Y_N and the network's output when Y_k of block `block` is replaced; see `continue_from`."""
        if block == len(self.boundaries):
            return features, self.continue_from(images, block, features)
        collected: list[Tensor] = []

        def collect(name: str, output: Any) -> None:
            collected.append(self._collected(len(self.boundaries), output))

        with listening(self.model, self.boundaries[-1:], collect):
            logits = self.continue_from(images, block, features)
        return collected[-1], logits

    @torch.no_grad()
    def depends_on(self, block: int) -> bool:
        """Return whether the network's output depends on Y_k of block `block`.

        It does not after the last layer of a transformer that classifies by its class token: the head reads only that
        token, so stitching and task scores are not possible there.
        """
        images = torch.zeros(1, self.mean.shape[1], *self.input_size, device=self.mean.device)
        shape = (1, self.widths[block - 1], *self.feature_sizes[block - 1])
        draw = torch.Generator().manual_seed(block)
        first, second = (torch.randn(shape, generator=draw).to(self.mean.device) for _ in range(2))
        return not torch.equal(self.continue_from(images, block, first), self.continue_from(images, block, second))

    def _collected(self, block: int, output: Any) -> Tensor:
        features = self.layouts[block - 1].to_nchw(output)
        features = features.clone() if self.boundaries[block - 1] in self._overwritten else features
        return self.feature_statistics[block - 1](features) if self.feature_statistics else features

    def _unstandardized(self, block: int, features: Tensor) -> Tensor:
        statistics = self.feature_statistics[block - 1] if self.feature_statistics else None
        return statistics.undo(features) if isinstance(statistics, Standardization) else features

    def _run(self, normalized: Tensor) -> Tensor:
        if self.frozen and self.model.training:
            self.model.eval()  # in case the network itself was put in training mode
        return self.model(normalized)

    def _continue_in_full(self, images: Tensor, block: int, features: Tensor) -> Tensor:
        def replace(name: str, output: Any) -> Any:
            return self._native(block, features, output)

        with listening(self.model, self.boundaries[block - 1 : block], replace):
            return self._run(self.normalize(images))

    def _continue_from_boundary(self, images: Tensor, block: int, features: Tensor, before: Sequence[str]) -> Tensor:
        output = self._native(block, features, features)
        with skipping(self.model, before, self.boundaries[block - 1], output):
            return self._run(self.normalize(images))

    def _native(self, block: int, features: Tensor, output: Any) -> Any:
        name, layout = self.boundaries[block - 1], self.layouts[block - 1]
        return layout.from_nchw(features.clone() if name in self._overwritten else features, output)

    @torch.no_grad()
    def _find_shortcut(self, images: Tensor, block: int, features: Tensor) -> tuple[str, ...] | None:
        """Return the modules that need not run to continue from a block; None if the whole network must run."""
        if self.layouts[block - 1].num_prefix or self.layouts[block - 1].item is not None:
            return None
        recorder, (channels, height, width) = Recorder(), images.shape[1:]
        names = [name for name, _ in self.model.named_modules() if name]
        run_blank(self.model, names, lambda name, output: recorder(name, None), (channels, height, width))
        before = modules_before(list(recorder.outputs), self.boundaries[block - 1])
        if any(recorder.runs[name] > 1 for name in before):
            return None
        expected = self._continue_in_full(images, block, features)
        try:
            found = self._continue_from_boundary(images, block, features, before)
        except Exception:  # a network can fail in any way on unexpected inputs; the full pass is correct
            return None
        return before if torch.equal(found, expected) else None


def _detached(output: Any, *, copied: bool) -> Any:
    """Return tensors without their history; `copied` where the next layer overwrites what a backward pass still needs."""
    if isinstance(output, (tuple, list)):
        items = [_detached(item, copied=copied) for item in output]
        return items if isinstance(output, list) else tuple(items)
    if not isinstance(output, Tensor):
        return output
    return output.detach().clone() if copied else output.detach()
