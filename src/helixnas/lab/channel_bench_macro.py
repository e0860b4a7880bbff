"""Channel-Bench-Macro's own file (MobileNet): 16,384 codes with three CIFAR-10 accuracies in percent, sizes counted.

Its file is a mapping of seven digits (`helixnas.space.from_widths`) to ``acc``, ``mean``, ``std``, ``params`` and ``flops``,
where flops are multiply-adds. Accuracies are hundredths of a percent, stored with the noise of float32; they are rounded
back. The data has no licence, so HelixNAS does not ship it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helixnas.lab.nas_bench_macro import read_codes
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import channel, from_widths

_CODE = re.compile(r"[1234]{7}")


def is_channel_bench_macro(values: object) -> bool:
    """Whether the content of a JSON file looks like Channel-Bench-Macro: its first key is seven digits 1 to 4.

    >>> is_channel_bench_macro({"4432214": {}}), is_channel_bench_macro({"02012100": {}})
    (True, False)
    """
    return isinstance(values, Mapping) and bool(values) and _CODE.fullmatch(str(next(iter(values)))) is not None


def read_channel_bench_macro(values: Mapping[str, Any], path: Path) -> tuple[TrainedNetwork, ...]:
    """Return a row for each code of the file.

    Raises `ArtifactError` if a code or its values are not those of the benchmark; the message names the code.
    """
    space = channel()
    return read_codes(values, path, lambda code: from_widths(code, space), accuracies="acc")
