"""The teacher: any network, never cut apart. Hooks at named modules collect Y_0 .. Y_N in one forward pass (Sec. 3.3).

A frozen teacher stays in eval mode, whatever is asked of it: batch statistics or dropout in the targets would make
supernet blocks learn noise. A learnable teacher (DNA++, Sec. 3.5) hands each block's output on *detached*, so that each of
its blocks learns from its own loss alone, while the features given out keep their gradient.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.teacher.boundaries import check_boundaries
from helixnas.teacher.layout import layout_of

Hook = Callable[[int, Tensor], Tensor | None]
"""Called with a block's number and its module's output; may return what to pass on instead."""


class Teacher(nn.Module):
    """A network with N boundaries; gives Y_0 (the normalised image) to Y_N as NCHW feature maps.

    Args:
        model: the whole network; its output is the logits.
        boundaries: names of the modules whose outputs are Y_1 .. Y_N, in forward order.
        mean: per channel, subtracted from images in [0, 1].
        std: per channel, divides after that.
        input_size: height and width in pixels.
        frozen: whether it stays in eval mode without gradients.
        detach_boundaries: whether each boundary passes its output on detached (DNA++).

    Raises:
        UnknownNameError, TeacherError: a boundary does not exist or cannot be one.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        boundaries: Sequence[str],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        input_size: tuple[int, int],
        frozen: bool = True,
        detach_boundaries: bool = False,
    ) -> None:
        super().__init__()
        outputs = check_boundaries(model, boundaries, input_size)
        self.model = model
        self.boundaries = tuple(boundaries)
        self.input_size = input_size
        self.frozen = frozen
        self.detach_boundaries = detach_boundaries
        self.layouts = tuple(layout_of(model, name, outputs[name]) for name in boundaries)
        shapes = [layout.to_nchw(outputs[name]).shape for layout, name in zip(self.layouts, boundaries, strict=True)]
        self.widths = tuple(int(shape[1]) for shape in shapes)
        self.feature_sizes = tuple((int(shape[2]), int(shape[3])) for shape in shapes)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1))
        if frozen:
            self.model.requires_grad_(False)
        self.train(not frozen)

    @property
    def num_classes(self) -> int:
        """Outputs of the network."""
        return int(getattr(self.model, "num_classes", 0))

    def train(self, mode: bool = True) -> "Teacher":
        """Set training mode, except that a frozen teacher's network stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def normalize(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return images in [0, 1] as the teacher wants them: Y_0."""
        return (images - self.mean) / self.std

    def features(self, images: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, ...]:
        """Return Y_0 .. Y_N of images in [0, 1], each (batch, channels, height, width)."""
        return self.features_and_logits(images)[0]

    def features_and_logits(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> tuple[tuple[Tensor, ...], Float[Tensor, "batch classes"]]:
        """Return Y_0 .. Y_N and the network's output, from one forward pass."""
        collected: list[Tensor] = []

        def collect(block: int, output: Tensor) -> Tensor | None:
            collected.append(self.layouts[block - 1].to_nchw(output))
            return output.detach() if self.detach_boundaries else None

        normalized = self.normalize(images)
        with self._hooks(collect):
            logits = self.model(normalized)
        return (normalized, *collected), logits

    def continue_from(
        self,
        images: Float[Tensor, "batch channels height width"],
        block: int,
        features: Float[Tensor, "batch features rows columns"],
    ) -> Float[Tensor, "batch classes"]:
        """Return the network's output when Y_k of block `block` is replaced by `features`.

        What does not pass through the boundary (class tokens) is the network's own for `images`.
        """

        def replace(number: int, output: Tensor) -> Tensor | None:
            return self.layouts[block - 1].from_nchw(features, output) if number == block else None

        with self._hooks(replace):
            return self.model(self.normalize(images))

    @contextmanager
    def _hooks(self, hook: Hook) -> Iterator[None]:
        """Call `hook` at every boundary while the context lasts."""
        modules = dict(self.model.named_modules())

        def at(block: int) -> Callable[[nn.Module, Any, Tensor], Tensor | None]:
            return lambda module, inputs, output: hook(block, output)

        handles = [modules[name].register_forward_hook(at(k)) for k, name in enumerate(self.boundaries, start=1)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
