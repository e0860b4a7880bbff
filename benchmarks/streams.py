"""Images in shards against files in folders: images per second, time to the first batch, bytes read, and the index.

Claims: an index of shards is made once, in a time that is small beside an epoch, and found again in seconds. The order by
blocks reads each byte once per epoch, in few requests, and as many images per second as files in a folder. The images are
few, so blocks have 4 MiB here, not 16. The disk of this machine is fast; what the requests and bytes of an epoch would take
on a slow store, one after the other, is computed from a latency and a bandwidth (``--latency-ms``, ``--mib-per-s``).
"""

import argparse
import io
import logging
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from helixnas.data import DataConfig, ImageSet, open_data
from helixnas.data.source import Span
from helixnas.data.streams import kept, parquet, tar

NUM_IMAGES, PER_SHARD, PER_GROUP, SIDE, CLASSES, BATCH, ROUNDS = 1_500, 100, 100, 256, 20, 64, 3
MEMORY_GIB = 16 / 1024


def main() -> None:
    """Write the same photographs as files, tars and Parquet, and print a row per way to read them."""
    options = argparse.ArgumentParser()
    options.add_argument("--latency-ms", type=float, default=20.0)
    options.add_argument("--mib-per-s", type=float, default=100.0)
    options.add_argument("--members", type=int, default=100_000, help="images of the index that is timed")
    chosen = options.parse_args()
    logging.disable(logging.WARNING)
    tar.BLOCK_BYTES = 2**22
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HELIXNAS_CACHE"] = str(Path(folder) / "kept")
        write(Path(folder))
        ways = {
            "files in folders": {"root": f"{folder}/files"},
            "tars, any order": {"name": "wds/photos", "root": f"{folder}/tars", "split": shards()},
            "tars, by blocks": {"name": "wds/photos", "root": f"{folder}/tars", "split": shards(), "shuffle": "blocks"},
            "parquet, by blocks": {"name": "parquet", "root": f"{folder}/parquet"},
        }
        charge = Charge(chosen.latency_ms / 1000, chosen.mib_per_s * 2**20)
        charge.watch()
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, settings in ways.items():
                found[name].append(epoch(settings, charge))
        for name, runs in found.items():
            first, speed = (statistics.median(each) for each in zip(*runs, strict=True))
            print(
                f"{name:20} {speed:6.0f} images/s ({low_high(runs)}), first batch {first:5.2f} s, {charge.row(name, ways)}"
            )
        time_index(Path(folder), chosen.members)


class Charge:
    """Counts requests and bytes, and what they would take on a slow store."""

    def __init__(self, latency: float, bandwidth: float) -> None:
        self.latency, self.bandwidth, self.requests, self.bytes = latency, bandwidth, 0, 0

    def watch(self) -> None:
        """Count what is read as spans of files and as row groups."""
        contents, group = Span.contents, parquet.ParquetImages._load

        def counted(span: Span, last: int | None = None) -> bytes:
            content = contents(span, last)
            self.requests, self.bytes = self.requests + 1, self.bytes + len(content)
            return content

        def counted_group(images: parquet.ParquetImages, block: int) -> tuple[object, int]:
            column, size = group(images, block)
            self.requests, self.bytes = self.requests + 1, self.bytes + size
            return column, size

        Span.contents, parquet.ParquetImages._load = counted, counted_group  # type: ignore[method-assign]

    def row(self, name: str, ways: dict[str, dict[str, str]]) -> str:
        """Return the requests and bytes of an epoch, and their time on the slow store, one after the other."""
        self.requests = self.bytes = 0
        images = opened(ways[name])
        self.requests = self.bytes = 0
        for _ in images.batches(batch_size=BATCH, seed=0, augment=False, shuffle=True):
            pass
        seconds = self.requests * self.latency + self.bytes / self.bandwidth
        speed = len(images) / seconds
        return f"{self.requests:,} requests, {self.bytes / 2**20:.0f} MiB: {speed:.0f} images/s from a slow store"


def shards() -> str:
    """Return the pattern of the tars."""
    return f"train-{{0000..{NUM_IMAGES // PER_SHARD - 1:04d}}}.tar"


def photographs() -> Iterator[tuple[int, bytes]]:
    """Yield class and JPEG of each image: smooth noise, about as large as a photograph of its size."""
    rng = np.random.default_rng(0)
    for _ in range(NUM_IMAGES):
        noise = Image.fromarray(rng.integers(0, 256, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8))
        stream = io.BytesIO()
        noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=95)
        yield int(rng.integers(CLASSES)), stream.getvalue()


def write(folder: Path) -> None:
    """Write the photographs in all three forms."""
    images = list(photographs())
    (folder / "tars").mkdir()
    (folder / "parquet").mkdir()
    for number, (label, content) in enumerate(images):
        path = folder / "files" / f"{label:02d}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for shard in range(NUM_IMAGES // PER_SHARD):
        own = images[shard * PER_SHARD : (shard + 1) * PER_SHARD]
        write_tar(folder / "tars" / f"train-{shard:04d}.tar", own)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": content, "path": None} for _, content in images], kind)
    table = pa.table({"image": rows, "label": pa.array([label for label, _ in images])})
    pq.write_table(table, folder / "parquet" / "train-0.parquet", row_group_size=PER_GROUP)


def write_tar(path: Path, images: list[tuple[int, bytes]]) -> None:
    """Write images and their classes as a shard."""
    with tarfile.open(path, "w") as archive:
        for number, (label, content) in enumerate(images):
            for ending, data in (("jpg", content), ("cls", str(label).encode())):
                entry = tarfile.TarInfo(f"{number:06d}.{ending}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))


def opened(settings: dict[str, str]) -> ImageSet:
    """Return the training images; about four blocks are mixed."""
    common = {"evaluation_split": "", "cache": False, "num_rating": 1, "shuffle_memory": MEMORY_GIB, "labels": False}
    return open_data(DataConfig(**(common | settings)), image_size=128, seed=0).train  # type: ignore[arg-type]


def epoch(settings: dict[str, str], charge: Charge) -> tuple[float, float]:
    """Return the seconds until the first batch, the set opened, and images per second of an epoch."""
    started = time.perf_counter()
    images = opened(settings)
    first, number = 0.0, 0
    begun = time.perf_counter()
    for batch in images.batches(batch_size=BATCH, seed=0, augment=False, shuffle=True):
        first = first or time.perf_counter() - started
        number += len(batch.images)
    return first, number / (time.perf_counter() - begun)


def low_high(runs: list[tuple[float, float]]) -> str:
    """Return the range of the speeds."""
    return f"{min(speed for _, speed in runs):.0f} to {max(speed for _, speed in runs):.0f}"


def time_index(folder: Path, members: int) -> None:
    """Print how long the index of many tiny images takes, and how long it takes to find it again."""
    content, paths = bytes(400), list[str]()
    for shard in range(members // 1000):
        paths.append(str(folder / f"tiny-{shard:04d}.tar"))
        write_tar(Path(paths[-1]), [(number % CLASSES, content) for number in range(1000)])
    kept.SECONDS_WORTH_KEEPING = 0.0
    for title in ("made", "found again"):
        started = time.perf_counter()
        source = tar.open_tars("tiny", paths, field="", labels=True, memory=2**30)
        seconds = time.perf_counter() - started
        rate = seconds / source.num_images * 1_281_167
        print(f"index of {source.num_images:,} images {title}: {seconds:.2f} s ({rate:.0f} s for 1,281,167 images)")


if __name__ == "__main__":
    main()
