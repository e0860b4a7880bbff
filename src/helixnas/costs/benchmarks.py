"""Micro-benchmarks for another device: every part as an ONNX file, and a CSV for the measured times.

The CSV has one row per file. Write the milliseconds of one run on the device into its last column. Rows of whole
networks may stay empty, but then the error of summed latencies is not known.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from helixnas.artifacts.files import read_text, write_text
from helixnas.costs.parts import Input, parts
from helixnas.costs.timing import EMPTY, workloads_of
from helixnas.engine import require_onnx, save_onnx
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.nn import build_seeded
from helixnas.space import Architecture, SearchSpace

COLUMNS = ("file", "architecture", "batch_size", "image_size", "latency_ms")
CSV_NAME = "timings.csv"


@dataclass(frozen=True, kw_only=True)
class DeviceTimings:
    """Nanoseconds measured on a device, of parts and of whole networks."""

    batch_size: int
    image_size: int
    times: Mapping[str, int]
    """Nanoseconds of every part and of the empty network, by name."""

    networks: Mapping[Architecture, int]


def export_benchmarks(
    folder: Path, space: SearchSpace, given: Input, networks: Mapping[str, Architecture], *, batch_size: int
) -> Iterator[Path]:
    """Write every part and the given networks as ONNX files, then the CSV to fill in; yield each path.

    Raises:
        ConfigError: the packages for ONNX are not installed.
        ArtifactError: the folder cannot be written.
    """
    require_onnx("exporting micro-benchmarks")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for workload in workloads_of(parts(space, given), networks, given, batch_size=batch_size):
        path = folder / f"{workload.name}.onnx"
        images = torch.randn(workload.shape, generator=torch.Generator().manual_seed(0))
        save_onnx(build_seeded(workload.build, (0,)), images, path)
        text = networks[workload.name].text if workload.name in networks else ""
        writer.writerow((path.name, text, batch_size, given.image_size, ""))
        yield path
    write_text(folder / CSV_NAME, table.getvalue())
    yield folder / CSV_NAME


def read_timings(file: Path, space: SearchSpace, *, num_classes: int, in_chans: int = 3) -> DeviceTimings:
    """Read a filled-in CSV; batch and image size are those of the export.

    Raises:
        ArtifactError: the file is missing, lacks a column or a row, or has an invalid time; the message names the line.
        UnknownNameError: a row names a part that is not in this space.
        SpaceError: a row names a network that is not in this space.
    """
    rows = _rows(file)
    batch_size, image_size = (_common(file, rows, column) for column in ("batch_size", "image_size"))
    needed = parts(space, Input(image_size=image_size, num_classes=num_classes, in_chans=in_chans))
    times: dict[str, int] = {}
    networks: dict[Architecture, int] = {}
    seen: dict[str, int] = {}
    for line, row in rows.items():
        name = row["file"].removesuffix(".onnx")
        if name in seen:
            raise ArtifactError(f"{file}, line {line}: {name} already has a row in line {seen[name]}; keep one of them")
        seen[name] = line
        if row["architecture"]:
            if row["latency_ms"]:
                networks[space.parse(row["architecture"])] = _nanoseconds(file, line, row)
        elif name == EMPTY or name in needed:
            times[name] = _nanoseconds(file, line, row)
        else:
            raise UnknownNameError(f"part of the space in {file}, line {line}:", name, needed)
    lacking = [name for name in (EMPTY, *needed) if name not in times]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise ArtifactError(
            f"{file} has no row for {', '.join(lacking[:3])}{more}; every part of the space needs a time: export "
            "the benchmarks again (helixnas costs RUN --export-onnx DIR) and fill in all rows"
        )
    return DeviceTimings(batch_size=batch_size, image_size=image_size, times=times, networks=networks)


def _rows(file: Path) -> dict[int, dict[str, str]]:
    """Return the rows by line number, values stripped."""
    reader = csv.DictReader(io.StringIO(read_text(file).removeprefix("\ufeff")))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ArtifactError(f"{file} lacks the column {missing[0]!r}; its first line must be {','.join(COLUMNS)}")
    rows: dict[int, dict[str, str]] = {}
    for row in reader:
        if any(row[name] is None for name in COLUMNS):
            raise ArtifactError(f"{file}, line {reader.line_num}: a row must have {len(COLUMNS)} values")
        rows[reader.line_num] = {name: row[name].strip() for name in COLUMNS}
    if not rows:
        raise ArtifactError(f"{file} has no rows; export the benchmarks with: helixnas costs RUN --export-onnx DIR")
    return rows


def _common(file: Path, rows: Mapping[int, Mapping[str, str]], column: str) -> int:
    """Return the integer in a column, which must be the same in every row."""
    first = next(iter(rows.values()))[column]
    for line, row in rows.items():
        if row[column] != first or not first.isdecimal() or int(first) < 1:
            raise ArtifactError(
                f"{file}, line {line}: {column} must be the same positive integer in every row, not {row[column]!r}"
            )
    return int(first)


def _nanoseconds(file: Path, line: int, row: Mapping[str, str]) -> int:
    text = row["latency_ms"]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < 1e9:
        raise ArtifactError(
            f"{file}, line {line}: latency_ms of {row['file']} must be a number of milliseconds above 0, not {text!r}"
        )
    return round(value * 1e6)
