"""NAS-Bench-Macro's own file: 6,561 codes with three CIFAR-10 accuracies in percent, parameters and multiply-adds.

Its file is a mapping of eight digits (`helixnas.space.from_code`) to ``test_acc``, ``mean_acc``, ``std``, ``params`` and
``flops``, where flops are multiply-adds. Accuracies are hundredths of a percent (of 10,000 images), stored with the noise
of float32; they are rounded back, so that equal accuracies are ties. The codes name 3,969 networks; all rows stay, as in
the benchmark's own figures.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from helixnas.errors import ArtifactError
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import Architecture, from_code, macro

_CODE = re.compile(r"[012]{8}")


def is_nas_bench_macro(values: object) -> bool:
    """Whether the content of a JSON file looks like NAS-Bench-Macro: its first key is eight digits of 0, 1, 2.

    >>> is_nas_bench_macro({"02012100": {}}), is_nas_bench_macro({"format": "helixnas-benchmark"})
    (True, False)
    """
    return isinstance(values, Mapping) and bool(values) and _CODE.fullmatch(str(next(iter(values)))) is not None


def read_nas_bench_macro(values: Mapping[str, Any], path: Path) -> tuple[TrainedNetwork, ...]:
    """Return a row for each code of the file.

    Raises `ArtifactError` if a code or its values are not those of the benchmark; the message names the code.
    """
    space = macro()
    return read_codes(values, path, lambda code: from_code(code, space), accuracies="test_acc")


def read_codes(
    values: Mapping[str, Any], path: Path, parse: Callable[[str], Architecture], *, accuracies: str
) -> tuple[TrainedNetwork, ...]:
    """Return a row for each code of a benchmark's file, `parse`d; `accuracies` names the field of those in percent.

    Raises `ArtifactError` if a code or its values are not those of a benchmark; the message names the code.
    """
    rows: list[TrainedNetwork] = []
    for code, row in values.items():
        if (wrong := _wrong(row, accuracies)) is not None:
            raise ArtifactError(f"{path}, code {code!r}: {wrong}")
        try:
            rows.append(
                TrainedNetwork(
                    architecture=parse(code),
                    accuracy=tuple(round(float(percent), 2) / 100 for percent in row[accuracies]),
                    costs={"macs": int(row["flops"]), "params": int(row["params"])},
                )
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise ArtifactError(f"{path}, code {code!r}: {error}") from error
    return tuple(rows)


def _wrong(row: object, field: str) -> str | None:
    """Return in words what keeps a row from being one of the benchmark; None where it is one."""
    if not isinstance(row, Mapping):
        return f"it must hold {field}, flops and params"
    for name in (field, "flops", "params"):
        if name not in row:
            return f"the field {name!r} is missing"
    accuracies = row[field]
    if not isinstance(accuracies, list) or not all(type(value) in (int, float) for value in accuracies):
        return f"{field} must be a list of accuracies in percent"
    if accuracies and max(accuracies) <= 1:
        return f"{field} must be in percent, and {max(accuracies):g} looks like a share"
    for name in ("flops", "params"):
        if type(row[name]) not in (int, float) or not 0 <= row[name] < 2**63 or row[name] != int(row[name]):
            return f"{name} must be a whole number, not {row[name]!r}"
    return None
