"""Images in the tars of a WebDataset, by number.

A block is the part of a tar that begins in the same 16 MiB. Read whole, a tar is read from its beginning to its end,
which slow disks and mounted object stores serve much faster than single images in random order.
"""

import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, overload

import numpy as np
import pyarrow as pa
from PIL import Image

from helixnas.data.shards import Label, classes_of, index_shard
from helixnas.data.source import Blocks, Source, Span, hash_of_files, open_image
from helixnas.data.streams.kept import kept_index
from helixnas.data.streams.recent import RecentBlocks, share_of_memory
from helixnas.errors import DataError, first_line

BLOCK_BYTES = 2**24
"""Bytes of a block; a request of this size costs an object store little more than its transfer."""

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("number", pa.int64()),
        ("text", pa.string()),
    ]
)
"""Columns of the index: where an image is, and its class as a number or a name."""


def open_tars(title: str, shards: Sequence[str], *, field: str, labels: bool, memory: int) -> Source:
    """Return the images of WebDataset shards; `field` names the class in ``.json`` files, `memory` holds blocks in bytes.

    Raises `DataError` if a shard is missing or damaged, or if classes contradict each other.
    """
    table = kept_index(title, shards, partial(index_tar, field=field), kind=f"tar {field}")
    found, names = classes_of(labels_in(table), title) if labels else (None, ())
    images = TarImages(shards, table, memory)
    return Source(
        title=title,
        num_images=len(images),
        labels=found,
        class_names=names,
        read=images.read,
        locate=images.locate,
        fingerprint=images.fingerprint,
        spans=images.spans,
        shards=tuple(shards),
        stream=images.stream,
        blocks=images.blocks,
    )


def index_tar(shard: str, *, field: str) -> pa.Table:
    """Return the index of one tar, with the columns `SCHEMA`; raises `DataError` with its path if it is damaged."""
    try:
        found = list(index_shard(shard, field=field))
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{shard} is not a readable, uncompressed tar: {first_line(error)}") from error
    spans = [span for span, _ in found]
    columns = [
        [span.name.encode("utf-8", "backslashreplace").decode() for span in spans],
        [span.offset for span in spans],
        [span.size for span in spans],
        [label if isinstance(label, int) else None for _, label in found],
        [label if isinstance(label, str) else None for _, label in found],
    ]
    return pa.table([pa.array(each, one.type) for each, one in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def labels_in(table: pa.Table) -> list[Label | None]:
    """Return the class of each image of an index, None for an image without one."""
    numbers, texts = table["number"].to_pylist(), table["text"].to_pylist()
    return [text if number is None else number for number, text in zip(numbers, texts, strict=True)]


class TarImages:
    """Images in tars, given the index of all."""

    def __init__(self, shards: Sequence[str], table: pa.Table, memory: int) -> None:
        columns = {name: table[name].to_numpy() for name in ("file", "offset", "size")}
        self.spans = TarSpans(tuple(shards), table["name"].combine_chunks(), **columns)
        self._memory = memory
        self._recent = RecentBlocks()
        first = self.spans.offset // BLOCK_BYTES
        begins = np.flatnonzero((np.diff(self.spans.file, prepend=-1) != 0) | (np.diff(first, prepend=-1) != 0))
        self._begins = np.append(begins, len(self.spans))
        of = np.repeat(np.arange(len(begins)), np.diff(self._begins))
        ends = self.spans.offset + self.spans.size
        extents = ends[self._begins[1:] - 1] - self.spans.offset[begins]
        self.blocks = Blocks(of=of, num_bytes=int(extents.sum()) // max(1, len(begins)), is_whole=False)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.spans)

    def read(self, index: int) -> Image.Image:
        """Return the image at an index, read alone; raises Pillow's errors."""
        return open_image(self.spans[index].contents())

    def stream(self, index: int) -> Image.Image:
        """Return the image at an index, read with its block."""
        block = int(self.blocks.of[index])
        content: bytes = self._recent.get(block, self._load, limit=share_of_memory(self._memory, BLOCK_BYTES))
        start = int(self.spans.offset[index] - self.spans.offset[self._begins[block]])
        return open_image(content[start : start + int(self.spans.size[index])])

    def _load(self, block: int) -> tuple[bytes, int]:
        first, last = self.spans[int(self._begins[block])], self.spans[int(self._begins[block + 1]) - 1]
        content = Span(first.file, "", first.offset, last.offset + last.size - first.offset).contents()
        return content, len(content)

    def locate(self, index: int) -> str:
        """Return the place of the image at an index, ``TAR!MEMBER``."""
        return str(self.spans[index])

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and modification times of the tars that have images."""
        used = np.unique(self.spans.file).tolist()
        return hash_of_files(self.spans.shards[number] for number in used)


class TarSpans(Sequence[Span]):
    """Where each image lies, in columns: a list of `Span` takes ten times the memory and is copied to every worker."""

    def __init__(
        self, shards: tuple[str, ...], name: Any, *, file: np.ndarray, offset: np.ndarray, size: np.ndarray
    ) -> None:
        self.shards, self.name, self.file, self.offset, self.size = shards, name, file, offset, size

    def __len__(self) -> int:
        return len(self.offset)

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        shard = self.shards[int(self.file[index])]
        return Span(shard, self.name[int(index)].as_py(), int(self.offset[index]), int(self.size[index]))

    def __iter__(self) -> Iterator[Span]:
        return (self[index] for index in range(len(self)))
