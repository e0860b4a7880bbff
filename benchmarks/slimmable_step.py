"""A training step of a slice against a plain timm block of its width.

Claim: forward, backward and optimiser of a slice take at most 1.15 times as long as those of timm's block with its own
weights and torch's fused Adam. Both get the same tokens and take turns, so a slower machine affects both.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from timm.models.vision_transformer import Block
from torch import Tensor

from helixnas.distill import SlicedAdam
from helixnas.nn.attention import tokens_of
from helixnas.space import LayerPlace, attention_operation
from helixnas.supernet import SlicedLayer

WIDTHS, RATIOS, HEAD_DIM = (224, 288, 352, 448), (2.5, 4.0), 32


def main() -> None:
    """Print, per width and MLP ratio, the median ratio of the times of a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--grid", type=int, default=14)
    options = parser.parse_args()
    places = [LayerPlace(width, width, 1) for width in WIDTHS]
    operations = [attention_operation(ratio, head_dim=HEAD_DIM) for ratio in RATIOS]
    shared = SlicedLayer(operations, places).to(memory_format=torch.channels_last)
    optimizer = SlicedAdam(shared.parameters(), lr=1e-4)
    for place in places:
        for operation, ratio in zip(operations, RATIOS, strict=True):
            x = torch.randn(options.batch, place.in_width, options.grid, options.grid)
            x = x.contiguous(memory_format=torch.channels_last)

            def slice_step(x: Tensor = x, place: LayerPlace = place, operation=operation) -> None:
                optimizer.zero_grad(set_to_none=True)
                optimizer.expect(shared.slices(operation, place).values())
                shared.candidate(operation, place)(x).square().mean().backward()
                optimizer.step()

            block = Block(place.in_width, place.in_width // HEAD_DIM, mlp_ratio=ratio, qkv_bias=True)
            plain = torch.optim.Adam(block.parameters(), lr=1e-4, fused=True)

            tokens = tokens_of(x)

            def plain_step(x: Tensor = tokens, block: Block = block, plain: torch.optim.Adam = plain) -> None:
                plain.zero_grad(set_to_none=True)
                block(x).square().mean().backward()
                plain.step()

            pairs = [(seconds(slice_step), seconds(plain_step)) for _ in range(options.rounds + 2)][2:]
            ratios = sorted(own / base for own, base in pairs)
            sys.stdout.write(
                f"width {place.in_width}, ratio {ratio:g}: {statistics.median(ratios):.2f} times a plain block "
                f"(quartiles {ratios[len(ratios) // 4]:.2f} to {ratios[3 * len(ratios) // 4]:.2f}; "
                f"{1000 * statistics.median(base for _, base in pairs):.1f} ms)\n"
            )


def seconds(step: Callable[[], None]) -> float:
    """Return the time of one step."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
