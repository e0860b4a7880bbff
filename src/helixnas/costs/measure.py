"""Counted costs of every path: parameters, multiply-adds, the paper's FLOPs, and activation memory.

Each part is built on the meta device and counted once in a process; `cost_table` combines the parts of every path.
"""

from functools import lru_cache

from helixnas.artifacts import CostTable
from helixnas.costs.config import COUNTED
from helixnas.costs.parts import Input, Part, fill_table
from helixnas.nn import count_all, without_values
from helixnas.space import SearchSpace


def cost_table(space: SearchSpace, *, image_size: int, num_classes: int, in_chans: int = 3) -> CostTable:
    """Count the resources of every (block, previous width, path) of a space, stem and head included.

    ``params`` and ``macs`` are parameters and multiply-adds; ``flops`` are the paper's FLOPs (Table 2): multiply-adds
    plus two operations per output element of a batch norm; ``activation_bytes`` is the largest set of feature maps alive
    at once, for one image in float32, combined by maximum instead of sum.
    """
    given = Input(image_size=image_size, num_classes=num_classes, in_chans=in_chans)
    return fill_table(space, given, COUNTED, _count, facts={})


@lru_cache(maxsize=10_000)  # spaces, generations and proposals share most of their parts
def _count(part: Part) -> tuple[int, ...]:
    with without_values():
        module = part.build()
    counted = count_all(module, part.shape()).resources
    return tuple(counted[name] for name in COUNTED)
