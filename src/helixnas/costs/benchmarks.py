"""Micro-benchmarks for another device: every part as an ONNX file, and a CSV that brings their times back.

The CSV has one row per file. Whoever times the files on a phone or board writes milliseconds of one run into its last
column; rows of whole networks may stay empty, and then nobody knows how far the sums are off.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from helixnas.artifacts.files import read_text, write_text
from helixnas.costs.onnx_file import require_onnx, save_onnx
from helixnas.costs.parts import Input, parts
from helixnas.costs.timing import EMPTY, workloads_of
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.nn import build_seeded
from helixnas.space import Architecture, SearchSpace

COLUMNS = ("file", "architecture", "batch_size", "image_size", "latency_ms")
CSV_NAME = "timings.csv"


@dataclass(frozen=True, kw_only=True)
class DeviceTimings:
    """What came back from a device."""

    batch_size: int
    image_size: int
    times: Mapping[str, int]
    """Nanoseconds by the names of the parts, and of the empty network."""

    networks: Mapping[Architecture, int]
    """Nanoseconds of the networks that were timed whole."""


def export_benchmarks(
    folder: Path, space: SearchSpace, given: Input, networks: Mapping[str, Architecture], *, batch_size: int
) -> Iterator[Path]:
    """Write every part and the given networks as ONNX files, yielding each, and last the CSV to fill in.

    Raises:
        ConfigError: the packages behind ONNX are not installed.
        ArtifactError: the folder cannot be written.
    """
    require_onnx("exporting micro-benchmarks")
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for workload in workloads_of(parts(space, given), networks, given, batch_size=batch_size):
        path = folder / f"{workload.name}.onnx"
        images = torch.randn(workload.shape, generator=torch.Generator().manual_seed(0))
        save_onnx(build_seeded(workload.build, (0,)), images, path)
        text = networks[workload.name].text if workload.name in networks else ""
        row = (path.name, text, batch_size, given.image_size, "")
        writer.writerow(dict(zip(COLUMNS, row, strict=True)))
        yield path
    write_text(folder / CSV_NAME, table.getvalue())
    yield folder / CSV_NAME


def read_timings(file: Path, space: SearchSpace, *, num_classes: int, in_chans: int = 3) -> DeviceTimings:
    """Read a filled-in CSV; batch and image size are those it was exported for.

    Raises:
        ArtifactError: the file is missing, lacks a column or a row, or a row has no time above 0; the line is named.
        UnknownNameError: a row names a file that this space does not need.
        SpaceError: a row names a network that is not of this space.
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
            raise ArtifactError(
                f"{file}, line {line}: {name} has a row already, in line {seen[name]}; keep one of them"
            )
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
            f"{file} has no row for {', '.join(lacking[:3])}{more}; every part of the space must be timed, so export "
            "the benchmarks again (helixnas costs RUN --export-onnx DIR) and fill in all rows"
        )
    return DeviceTimings(batch_size=batch_size, image_size=image_size, times=times, networks=networks)


def _rows(file: Path) -> dict[int, dict[str, str]]:
    """Return the rows by line number, without spaces around values."""
    reader = csv.DictReader(io.StringIO(read_text(file).removeprefix("\ufeff")))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ArtifactError(
            f"{file} lacks the column {missing[0]!r}; its first line must be {','.join(COLUMNS)}, commas between"
        )
    rows: dict[int, dict[str, str]] = {}
    for row in reader:
        if any(row[name] is None for name in COLUMNS):
            raise ArtifactError(f"{file}, line {reader.line_num}: there must be {len(COLUMNS)} values in a row")
        rows[reader.line_num] = {name: row[name].strip() for name in COLUMNS}
    if not rows:
        raise ArtifactError(f"{file} has no rows; export the benchmarks with: helixnas costs RUN --export-onnx DIR")
    return rows


def _common(file: Path, rows: Mapping[int, Mapping[str, str]], column: str) -> int:
    """Return the whole number that a column holds in every row."""
    first = next(iter(rows.values()))[column]
    for line, row in rows.items():
        if row[column] != first or not first.isdecimal() or int(first) < 1:
            raise ArtifactError(
                f"{file}, line {line}: {column} must be the same whole number in every row, not {row[column]!r}"
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
