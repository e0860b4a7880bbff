"""NAS-Bench-Macro's own file: 6,561 codes with three CIFAR-10 accuracies in percent, parameters and multiply-adds.

Its file is a mapping of eight digits (`helixnas.space.from_code`) to ``test_acc``, ``mean_acc``, ``std``, ``params`` and
``flops``, where flops are multiply-adds. The codes name 3,969 networks; all rows stay, as in the benchmark's own figures.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helixnas.errors import ArtifactError
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import from_code, macro

_CODE = re.compile(r"[012]{8}")


def is_nas_bench_macro(values: object) -> bool:
    """Whether the content of a JSON file looks like NAS-Bench-Macro: its first key is eight digits of 0, 1, 2.

    >>> is_nas_bench_macro({"02012100": {}}), is_nas_bench_macro({"format": "helixnas-benchmark"})
    (True, False)
    """
    return isinstance(values, Mapping) and bool(values) and _CODE.fullmatch(str(next(iter(values)))) is not None


def read_nas_bench_macro(values: Mapping[str, Any], path: Path) -> tuple[TrainedNetwork, ...]:
    """Return a row for each code of the file.

    Raises:
        ArtifactError: a code or its values are not those of the benchmark; the message names the code.
    """
    space, rows = macro(), list[TrainedNetwork]()
    for code, row in values.items():
        try:
            rows.append(
                TrainedNetwork(
                    architecture=from_code(code, space),
                    accuracy=tuple(float(percent) / 100 for percent in row["test_acc"]),
                    costs={"macs": int(row["flops"]), "params": int(row["params"])},
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            reason = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
            raise ArtifactError(f"{path}, code {code!r}: {reason}") from error
    return tuple(rows)
