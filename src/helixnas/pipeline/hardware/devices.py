"""Devices by name with their published peaks, and the option that names them: NAME, NAMExN, a file or a run.

None of these figures was measured here. Peaks are those of the makers' data sheets for dense matrix products, without
sparsity; how much of them a network reaches is assumed (`helixnas.pipeline.hardware.roofline`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helixnas.errors import ConfigError, UnknownNameError

TERA = 1e12


@dataclass(frozen=True, kw_only=True)
class Device:
    """One GPU as its data sheet describes it."""

    title: str
    peaks: Mapping[str, float]
    """Floating point operations per second by precision (fp32, bf16, fp16); fp32 as convolutions are computed by default,
    TF32 where the device has it."""

    bandwidth: float
    """Bytes per second of its memory."""

    memory: float
    """Bytes of its memory."""

    def peak(self, precision: str) -> tuple[str, float]:
        """Return the precision that is used for one of a recipe, and its peak; where bf16 is missing, fp16 is used."""
        used = {"auto": "bf16"}.get(precision, precision)
        used = used if used in self.peaks else "fp16"
        return used, self.peaks[used]


def _device(
    title: str, half: float, single: float, bandwidth: float, gigabytes: int, *, has_bf16: bool = True
) -> Device:
    """Return a device from tera-operations per second in 16 and 32 bits, terabytes per second, and gigabytes."""
    halves = {"fp16": half * TERA} | ({"bf16": half * TERA} if has_bf16 else {})
    peaks = {"fp32": single * TERA, **halves}
    return Device(title=title, peaks=peaks, bandwidth=bandwidth * TERA, memory=gigabytes * 1e9)


DEVICES = {
    "h200": _device("NVIDIA H200 SXM", 989.4, 494.7, 4.8, 141),
    "h100": _device("NVIDIA H100 SXM", 989.4, 494.7, 3.35, 80),
    "a100": _device("NVIDIA A100 SXM 80 GB", 312.0, 156.0, 2.039, 80),
    "l4": _device("NVIDIA L4", 121.0, 60.0, 0.3, 24),
    "rtx4090": _device("NVIDIA GeForce RTX 4090", 165.2, 82.6, 1.008, 24),
    "v100": _device("NVIDIA V100 SXM2 32 GB", 125.0, 15.7, 0.9, 32, has_bf16=False),
}
"""Published peaks; fp32 of the V100, which has no TF32, is that of its ordinary cores."""

CPU = "cpu"
"""This machine, whose speed is measured by forward passes."""

MOST = 10_000
"""Devices at most."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What ``--hardware`` names: some devices of one kind."""

    name: str
    """One of `DEVICES`, `CPU`, or empty where `measured` is given."""

    number: int = 1
    measured: Path | None = None
    """A file of measured throughput (`MeasuredThroughput`), or the folder of a run on one such device."""

    @property
    def device(self) -> Device | None:
        """Its published figures; None where its speed is measured."""
        return DEVICES.get(self.name)


def parse_hardware(text: str) -> Hardware:
    """Read ``h100``, ``h100x8``, ``cpu``, ``my.json`` or the folder of a run, each with ``xN`` for N of them.

    Raises:
        UnknownNameError: no such device; a path needs a slash, or ends with .json, or is that of a run.
        ConfigError: the number is out of range.

    >>> [(one.name, one.number) for one in map(parse_hardware, ("rtx4090", "rtx4090x2", "cpu"))]
    [('rtx4090', 1), ('rtx4090', 2), ('cpu', 1)]
    """
    if (found := _named(text, 1)) is not None:
        return found
    name, cross, digits = text.rpartition("x")
    if cross and digits.isdecimal() and name:
        number = int(digits)
        if not 1 <= number <= MOST:
            raise ConfigError(f"--hardware {text} must name 1 to {MOST:,} devices, not {number:,}")
        if (found := _named(name, number)) is not None:
            return found
    raise UnknownNameError("hardware", text, [*DEVICES, CPU, "h100x8", "my.json"])


def _named(name: str, number: int) -> Hardware | None:
    if name == CPU or name in DEVICES:
        return Hardware(name=name, number=number)
    path = Path(name)
    if path.suffix == ".json" or (path / "record.json").is_file():
        return Hardware(name="", number=number, measured=path)
    return None
