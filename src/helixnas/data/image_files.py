"""Listing the images of a folder or a tar: each image once, in a total order, with its class; the rest is named.

A class is the folder that holds the image, relative to the root. Names are in natural order ("2" before "10"), ties by
their exact text, so the order of classes and images depends on the names alone.
"""

import os
import re
import stat
import tarfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BufferedReader
from pathlib import Path, PurePosixPath

from helixnas.data.source import Span, find_root
from helixnas.errors import DataError

_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
"""Formats that Pillow identifies, but decodes only with other programs or not at all."""

_TAIL = 1024
"""Bytes at the end of a file that are compared first; formats of images differ little at their beginning."""

HIDDEN = "hidden"
NO_IMAGE = "not images that Pillow reads"
TWICE = "further paths to the same images"
TWICE_FOLDER = "further paths to the same folders"
REPLACED = "earlier versions of images that the tar holds again"
BROKEN = "links to nothing"


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts names by the numbers in them and without case, then by exact text.

    Example:
        >>> sorted(["10", "b", "2", "02", "B"], key=natural_order)
        ['02', '2', '10', 'B', 'b']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if position % 2 else part for position, part in enumerate(parts)], name


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of the formats that the installed Pillow decodes, such as .jpg."""
    from PIL import Image

    Image.init()
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in known if kind in Image.OPEN and kind not in _NOT_DECODED)


def is_parquet(root: str) -> bool:
    """Return whether images are a Parquet file, or a folder of some as the Hugging Face hub has them; see `find_root`.

    A folder with images or other folders is one of images, whatever tables lie beside them.
    """
    try:
        path = find_root(root)
    except DataError:
        return False  # which whoever opens the images says
    if path.is_file():
        return path.suffix == ".parquet"
    if not any(next(path.glob(each), None) for each in ("*.parquet", "data/*.parquet")):
        return False
    shown = [each for each in path.iterdir() if not _is_hidden(each.name)]
    return not any(each.name != "data" if each.is_dir() else each.suffix.lower() in image_suffixes() for each in shown)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The images of a folder or a tar, in natural order, and what is not among them."""

    names: list[str]
    """Path of each image relative to the root, with / between folders."""

    spans: list[Span]
    """Where each image lies."""

    left_out: list[tuple[str, str]]
    """Reason and path of everything else."""

    @property
    def folders(self) -> list[str]:
        """Per image, the folder that holds it, relative to the root; empty for the root itself."""
        return [name.rpartition("/")[0] for name in self.names]

    def summary(self) -> str:
        """Return what is left out: number, reason and examples; empty if nothing is."""
        by_reason = defaultdict[str, list[str]](list)
        for reason, name in self.left_out:
            by_reason[reason].append(name)
        return "; ".join(
            f"{len(names):,} {reason} ({', '.join(sorted(names, key=natural_order)[:3])}{', ...' if len(names) > 3 else ''})"
            for reason, names in by_reason.items()
        )

    def emptied(self) -> dict[str, str]:
        """Return the folders with files but no image, in them or below, each with what its files are."""
        used = {str(parent) for name in self.names for parent in PurePosixPath(name).parents}
        found = defaultdict[str, Counter[str]](Counter)
        for reason, name in self.left_out:
            folder, _, base = name.rpartition("/")
            if folder and folder not in used and reason in (NO_IMAGE, TWICE, BROKEN):
                kind = PurePosixPath(base).suffix or "files without suffix"
                found[folder][kind if reason == NO_IMAGE else reason] += 1
        return {
            folder: ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()) for folder, kinds in found.items()
        }


def list_folder(root: Path) -> Listing:
    """List the images of a folder. Links are followed; a file with several paths is listed once, if possible without links.

    Raises:
        DataError: a folder cannot be read.
    """
    left_out = list[tuple[str, str]]()
    seen, names = set[tuple[int, int]](), list[str]()
    for _, name, identity in sorted(_walk(root, left_out), key=lambda file: (file[0], natural_order(file[1]))):
        if identity in seen:
            left_out.append((TWICE, name))
        else:
            seen.add(identity)
            names.append(name)
    names.sort(key=natural_order)
    return Listing(names=names, spans=[Span(str(root / name)) for name in names], left_out=left_out)


def _walk(root: Path, left_out: list[tuple[str, str]]) -> Iterator[tuple[bool, str, tuple[int, int]]]:
    """Yield for each image below a folder whether a link leads to it, its relative path, and device and inode."""
    seen, folders = set[tuple[int, int]](), deque([("", False)])
    while folders:  # those without links first
        folder, linked = folders.popleft()
        try:
            identity = _identity((root / folder).stat())
            entries = sorted((root / folder).iterdir(), key=lambda path: natural_order(path.name))
        except OSError as error:
            raise DataError(f"{root / folder} cannot be read: {error.strerror or error}") from error
        if identity in seen:
            left_out.append((TWICE_FOLDER, folder))
            continue
        seen.add(identity)
        for path in entries:
            name, by_link = f"{folder}/{path.name}" if folder else path.name, linked or path.is_symlink()
            try:
                status = path.stat()
            except OSError:
                left_out.append((BROKEN, name))
                continue
            if _is_hidden(path.name):
                left_out.append((HIDDEN, name))
            elif stat.S_ISDIR(status.st_mode):
                (folders.append if by_link else folders.appendleft)((name, by_link))
            elif path.suffix.lower() in image_suffixes() and stat.S_ISREG(status.st_mode):
                yield by_link, name, _identity(status)
            else:
                left_out.append((NO_IMAGE, name))


def list_tar(path: Path, *, unique: bool = True) -> Listing:
    """List the images of an uncompressed tar and of tars in it, whose names count as folders.

    Each content is listed once, unless `unique` is off, which is faster.
    Of members with one path, the last counts, as when a tar is unpacked. Paths are relative to the deepest folder that holds
    all images with their class folders.

    Raises:
        DataError: it is not a readable tar.
    """
    left_out = list[tuple[str, str]]()
    try:
        with path.open("rb") as file:
            members = list(_members(file, str(path), "", 0, left_out))
    except tarfile.TarError as error:
        raise DataError(f"{path} is not a readable tar: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    latest = dict(members)
    left_out += [(REPLACED, name) for name, span in members if latest[name] is not span]
    found = sorted(latest.items(), key=lambda image: natural_order(image[0]))
    common = _common_folder(name for name, _ in found)
    left_out = [(reason, name.removeprefix(common)) for reason, name in left_out]
    groups = same_content([span for _, span in found]) if unique else []
    repeated = {position for group in groups for position in group[1:]}
    left_out += [(TWICE, name.removeprefix(common)) for row, (name, _) in enumerate(found) if row in repeated]
    kept = [(name.removeprefix(common), span) for row, (name, span) in enumerate(found) if row not in repeated]
    return Listing(names=[name for name, _ in kept], spans=[span for _, span in kept], left_out=left_out)


def _members(
    file: BufferedReader, tar: str, folder: str, start: int, left_out: list[tuple[str, str]]
) -> Iterator[tuple[str, Span]]:
    """Yield path and span of each image of the tar that begins at byte `start` of its file."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            inner = _plain_path(member.name)
            name, parts = folder + inner, inner.split("/")
            stem, _, end = parts[-1].rpartition(".")
            suffix = f".{end.lower()}" if stem else ""
            if member.isdir():
                continue
            if any(map(_is_hidden, parts)):
                left_out.append((HIDDEN, name))
            elif member.islnk() or member.issym():
                left_out.append((TWICE, name))
            elif suffix == ".tar" and isinstance(nested := archive.extractfile(member), BufferedReader):
                yield from _members(nested, tar, f"{name[:-4]}/", start + member.offset_data, left_out)
            elif suffix in image_suffixes() and member.isfile():
                yield name, Span(tar, name, start + member.offset_data, member.size)
            else:
                left_out.append((NO_IMAGE, name))


def same_content(spans: Sequence[Span]) -> list[list[int]]:
    """Return the positions of images of equal bytes, group by group.

    Whole images are read only where sizes and last bytes agree.
    """
    groups = [list(range(len(spans)))]
    for key in (Span.num_bytes, lambda span: span.contents(_TAIL), lambda span: sha256(span.contents()).digest()):
        parts = [_grouped(group, lambda position, key=key: key(spans[position])) for group in groups]
        groups = [part for found in parts for part in found if len(part) > 1]
    return groups


def shared_images(first: Sequence[Span], second: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Return the images that are in both: files by device and inode, members of tars by content."""
    if all(not span.name for span in (*first, *second)):
        identities = {_identity(Path(span.file).stat()): span for span in first}
        pairs = [(identities.get(_identity(Path(span.file).stat())), span) for span in second]
        return [(one, other) for one, other in pairs if one is not None]
    both = [*first, *second]
    return [
        (both[group[0]], both[position])
        for group in same_content(both)
        for position in group
        if group[0] < len(first) <= position
    ]


def _grouped(positions: list[int], key: Callable[[int], object]) -> list[list[int]]:
    found = defaultdict[object, list[int]](list)
    for position in positions:
        found[key(position)].append(position)
    return list(found.values())


def _common_folder(names: Iterable[str]) -> str:
    """Return the folder, with a / at its end, above all class folders; empty for the root."""
    above = {tuple(name.split("/")[:-2]) for name in names}
    if not above:
        return ""
    shared = list[str]()
    for parts in zip(*above, strict=False):
        if len({*parts}) > 1:
            break
        shared.append(parts[0])
    return "".join(f"{part}/" for part in shared)


def _plain_path(name: str) -> str:
    r"""Return the path of a tar's member with / between folders, without drive, empty parts, . and ..

    >>> _plain_path(r"C:\cats\1.png"), _plain_path("././../cats//1.png"), _plain_path("cats/./1.png")
    ('cats/1.png', 'cats/1.png', 'cats/1.png')
    """
    parts = re.split(r"[/\\]", re.sub(r"^[A-Za-z]:(?=[/\\])", "", name))
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
