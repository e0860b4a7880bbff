"""Inherited weights: the searched network starts from the weights of its paths in the supernet.

The two adapters between blocks of the supernet are one linear map, which can be folded exactly into a first layer that
begins with a 1x1 convolution and has no residual (`helixnas.nn.entrance`). So the network computes the same as the
stitched one, up to the last adapter. A supernet uses batch statistics; the running averages that a network needs are
measured block by block, each on the output of the blocks before it.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.errors import ConfigError
from helixnas.nn import Bridge, entrance_of, fold_into
from helixnas.supernet import Supernet
from helixnas.zoo import HelixNet

SCRATCH = "train the network from scratch (--init scratch)"
_AVERAGES = ("running_mean", "running_var", "num_batches_tracked")


class StitchedNetwork(nn.Module):
    """A network's stem and blocks (shared, not copied) with adapters; returns an estimate of the teacher's Y_N.

    `bridges` are the linear maps before the second and later blocks, identities where there is none; `exit` maps the last
    block to the teacher's width.
    """

    def __init__(self, network: HelixNet, bridges: Sequence[nn.Module], exit: nn.Module) -> None:
        super().__init__()
        self.entries = nn.ModuleList([network.stem, *bridges])
        self.blocks = network.blocks
        self.exit = exit

    def forward(
        self, images: Float[Tensor, "batch channels height width"], num_blocks: int | None = None
    ) -> Float[Tensor, "batch features rows columns"]:
        """Return the estimate of Y_N, or the output of block `num_blocks`, for normalised images."""
        x = images
        for entry, block in list(zip(self.entries, self.blocks, strict=True))[:num_blocks]:
            x = block(entry(x))
        return self.exit(x) if num_blocks is None else x


def inherit(network: HelixNet, supernet: Supernet) -> StitchedNetwork:
    """Copy the supernet's weights into a network's stem and blocks, and return the stitched network.

    Call `recalibrate` to measure the running averages of batch norms, then `fold` to complete the network itself.
    Raises `ConfigError` if the supernet's interface is widen, or the adapters before a first layer cannot be folded
    into it.
    """
    architecture = network.architecture
    bridges, exit, previous = list[nn.Module](), nn.Identity(), architecture.stem[-1].path.width
    for number, path in enumerate(architecture.paths, start=1):
        cell = supernet.block(number).cell_of(path)
        if cell.widens:
            raise ConfigError(
                "the weights of a supernet with supernet.interface=widen cannot be inherited: its first and last layers "
                f"have the teacher's widths, not those of the network; {SCRATCH}"
            )
        if number == 1:
            _copy(cell.entry(previous), network.stem)
        else:
            bridges.append(_compose(exit, cell.entry(previous)))
        stage = network.blocks[number - 1]
        assert isinstance(stage, nn.Sequential)
        for layer, operation in enumerate(path.operations):
            _copy(cell.operation(layer, operation.name, previous), stage[layer])
        if bridges and not isinstance(bridges[-1], nn.Identity) and entrance_of(stage[0]) is None:
            raise ConfigError(
                f"the weights cannot be inherited: block {number} begins with {path.operations[0].name}, which has a "
                f"residual or no 1x1 convolution, so the adapters before it cannot be folded into it; {SCRATCH}"
            )
        exit, previous = cell.exit, path.width
    return StitchedNetwork(network, bridges, exit)


@torch.no_grad()
def recalibrate(stitched: StitchedNetwork, batches: Callable[[], Iterable[Tensor]]) -> None:
    """Measure the running averages of all batch norms, block by block, as means over the batches.

    `batches` returns the same batches of normalised images at every call. The network is in eval mode afterwards.
    """
    stitched.eval()
    for number, parts in enumerate(zip(stitched.entries, stitched.blocks, strict=True), start=1):
        norms = [norm for part in parts for norm in part.modules() if isinstance(norm, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean
            norm.train()
        for images in batches():
            stitched(images, num_blocks=number)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


def fold(stitched: StitchedNetwork) -> None:
    """Fold every bridge into the layer after it, which completes the network itself."""
    for entry, block in list(zip(stitched.entries, stitched.blocks, strict=True))[1:]:
        if isinstance(entry, nn.Conv2d):
            assert isinstance(block, nn.Sequential)
            entrance = entrance_of(block[0])
            assert entrance is not None, "checked by inherit"
            fold_into(entrance, *affine_of(entry))
    stitched.entries = nn.ModuleList([stitched.entries[0], *(nn.Identity() for _ in stitched.entries[1:])])


def _copy(source: nn.Module, target: nn.Module) -> None:
    """Copy the weights of a supernet's module to the same module of a network, which also has running averages."""
    missing, unexpected = target.load_state_dict(source.state_dict(), strict=False)
    surplus = [name for name in missing if name.rpartition(".")[2] not in _AVERAGES]
    assert not [*surplus, *unexpected], f"supernet and network build different layers: {surplus or unexpected}"


@torch.no_grad()
def _compose(first: nn.Module, second: nn.Module) -> nn.Module:
    """Return one 1x1 convolution equal to two adapters in sequence, the second applied to features of its own grid."""
    if isinstance(second, nn.Identity) or (isinstance(first, nn.Identity) and not isinstance(second, Bridge)):
        return first if isinstance(second, nn.Identity) else second
    weight, bias = affine_of(second)
    if not isinstance(first, nn.Identity):
        before, shift = affine_of(first)
        weight, bias = weight @ before, weight @ shift + bias
    both = nn.Conv2d(weight.shape[1], len(weight), 1, device=weight.device, dtype=weight.dtype)
    both.weight.copy_(weight[:, :, None, None])
    both.bias = nn.Parameter(bias.clone())
    return both


def affine_of(adapter: nn.Module) -> tuple[Float[Tensor, "given received"], Float[Tensor, " given"]]:
    """Return the matrix and the bias of a 1x1 convolution, or of a bridge between blocks of one grid."""
    assert isinstance(adapter, nn.Conv2d), "adapters are convolutions"
    assert adapter.bias is not None, "adapters have a bias"
    return adapter.weight.sum((2, 3)), adapter.bias
