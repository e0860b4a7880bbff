"""Architecture: one network of a space, as a value that can be hashed, read, typed and stored.

An architecture is the tuple (alpha_1 .. alpha_N) of the paper (Eq. 4): one path per block, between a fixed stem and a
fixed head. It carries everything needed to build the network, so it outlives the space it was found in. Its text names
only what was chosen, ``24:mb3_k5,mb6_k3 40:mb3_k3``: per block the width and the operations of its layers.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.space.operation import Operation

FORMAT = "helixnas-architecture"
VERSION = 1

HELIXNAS = "helixnas"
"""Name of the timm model that builds any architecture, once `helixnas.zoo` is imported."""


class Section(NamedTuple):
    """Layers of one width that were a block of their own before blocks were joined; the first carries the stride."""

    width: int
    stride: int
    depth: int


class LayerPlace(NamedTuple):
    """Where a layer of a path stands."""

    in_width: int
    out_width: int
    stride: int


def layer_places(in_width: int, sections: Sequence[Section]) -> tuple[LayerPlace, ...]:
    """Return the place of every layer of some sections, the first of which takes `in_width` channels.

    >>> [tuple(place) for place in layer_places(16, [Section(24, 2, 2), Section(40, 1, 1)])]
    [(16, 24, 2), (24, 24, 1), (24, 40, 1)]
    """
    places: list[LayerPlace] = []
    for width, stride, depth in sections:
        for layer in range(depth):
            places.append(LayerPlace(in_width, width, stride if layer == 0 else 1))
            in_width = width
    return tuple(places)


def check_names(operations: Iterable[Operation], owner: str) -> None:
    """Raise `SpaceError` if different operations of `owner` share a name."""
    seen: dict[str, Operation] = {}
    for operation in operations:
        if seen.setdefault(operation.name, operation) != operation:
            raise SpaceError(f"two different operations of {owner} are both named {operation.name!r}")


def check_sections(sections: Sequence[Section], *, width: int, depth: int) -> None:
    """Raise `SpaceError` if sections are not those of a path or cell of this width and depth."""
    if sections and (sum(section.depth for section in sections) != depth or sections[-1].width != width):
        raise SpaceError(
            f"sections {[tuple(section) for section in sections]} must hold {depth} layers and end in width {width}"
        )


@dataclass(frozen=True)
class Path:
    """One candidate of a block: a width (output channels of every layer) and an operation per layer.

    In joined blocks (`helixnas.space.joining`), each section has its own width and stride, and `width` is the last one's.

    >>> k3 = Operation.of("mb3_k3", kind="mbconv", kernel=3, expansion=3)
    >>> Path(24, (k3, k3)).text
    '24:mb3_k3,mb3_k3'
    """

    width: int
    operations: tuple[Operation, ...]
    sections: tuple[Section, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1:
            raise SpaceError(f"a path's width must be at least 1 channel, not {self.width}")
        if not self.operations:
            raise SpaceError(f"a path of width {self.width} needs at least one layer")
        check_sections(self.sections, width=self.width, depth=self.depth)

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.operations)

    @property
    def effective_depth(self) -> int:
        """The number of layers that are no identity."""
        return sum(not operation.is_identity for operation in self.operations)

    @cached_property
    def text(self) -> str:
        """The readable form, unique inside a block: ``width:operation,operation,...``, sections with a plus between."""
        names, parts = [operation.name for operation in self.operations], list[str]()
        for width, _, depth in self.sections or (Section(self.width, 1, self.depth),):
            parts.append(f"{width}:{','.join(names[:depth])}")
            names = names[depth:]
        return "+".join(parts)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Stage:
    """A path in place: its first layer carries the stride."""

    stride: int
    path: Path

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise SpaceError(f"a stride must be at least 1, not {self.stride}")

    @property
    def sections(self) -> tuple[Section, ...]:
        """The path's sections, one where no blocks were joined."""
        return self.path.sections or (Section(self.path.width, self.stride, self.path.depth),)

    def places(self, in_width: int) -> tuple[LayerPlace, ...]:
        """Return the place of every layer, the first of which takes `in_width` channels."""
        return layer_places(in_width, self.sections)


@dataclass(frozen=True)
class Head:
    """Layers after the last block, by kind: a 1x1 convolution or a norm; then global pooling and a linear classifier."""

    width: int = 1280
    """Channels before the classifier; 0: those of the last block, without a convolution."""

    activation: str = "silu"
    """Activation after the convolution, by timm's name."""

    kind: str = "conv"
    """``conv``, ``norm`` (layer norm, for transformers), or a user's own registered kind."""

    def __post_init__(self) -> None:
        if self.width < 0:
            raise SpaceError(f"a head's width must be at least 0 channels, not {self.width}")


@dataclass(frozen=True)
class Architecture:
    """A complete network: stem, one stage per block, head.

    >>> k3 = Operation.of("mb3_k3", kind="mbconv", kernel=3, expansion=3)
    >>> stem = (Stage(2, Path(16, (Operation.of("conv_k3", kind="conv", kernel=3),))),)
    >>> tiny = Architecture(stem, (Stage(2, Path(24, (k3, k3))), Stage(2, Path(40, (k3,)))), Head(64))
    >>> tiny.text
    '24:mb3_k3,mb3_k3 40:mb3_k3'
    >>> Architecture.from_json(tiny.to_json()) == tiny
    True
    """

    stem: tuple[Stage, ...]
    """Fixed layers before block 1; together they turn the image into the input of block 1."""

    blocks: tuple[Stage, ...]
    """The chosen path of every block, with the block's stride."""

    head: Head = Head()

    def __post_init__(self) -> None:
        if not self.blocks:
            raise SpaceError("an architecture needs at least one block")
        check_names(self.operations, "one architecture")

    @cached_property
    def text(self) -> str:
        """The readable form, unique inside a space; `SearchSpace.parse` reads it back."""
        return " ".join(stage.path.text for stage in self.blocks)

    def __str__(self) -> str:
        return self.text

    @property
    def paths(self) -> tuple[Path, ...]:
        """The chosen path of every block."""
        return tuple(stage.path for stage in self.blocks)

    @property
    def depth(self) -> int:
        """The number of searched layers (stem and head not counted)."""
        return sum(path.depth for path in self.paths)

    @property
    def effective_depth(self) -> int:
        """The number of searched layers that are no identity: the depth that sizes are compared by.

        >>> from helixnas.space import from_code
        >>> from_code("01000000").depth, from_code("01000000").effective_depth
        (4, 1)
        """
        return sum(path.effective_depth for path in self.paths)

    @property
    def stride(self) -> int:
        """Total stride of the network."""
        return math.prod(stage.stride for stage in (*self.stem, *self.blocks))

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Every layer's operation in order, the stem's included."""
        return tuple(operation for stage in (*self.stem, *self.blocks) for operation in stage.path.operations)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: stages by operation name, and what each name means."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "text": self.text,
            "stem": [stage_to_dict(stage) for stage in self.stem],
            "blocks": [stage_to_dict(stage) for stage in self.blocks],
            "head": head_to_dict(self.head),
            "operations": {operation.name: operation.to_dict() for operation in self.operations},
        }

    def to_json(self) -> str:
        """Return the JSON text that `from_json` reads."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @staticmethod
    def from_dict(values: object) -> "Architecture":
        """Read what `to_dict` returned.

        Raises:
            SpaceError: the values are not those of an architecture, or of a newer format.
            UnknownNameError: a stage uses an operation that the file does not define.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise SpaceError(f"not an architecture: the field 'format' must be {FORMAT!r}")
        if values.get("version") != VERSION:
            raise SpaceError(
                f"the architecture has format version {values.get('version')!r}; this HelixNAS reads {VERSION}"
            )
        try:
            operations = {name: Operation.from_dict(name, options) for name, options in values["operations"].items()}
            return Architecture(
                stem=tuple(stage_from_dict(stage, operations) for stage in values["stem"]),
                blocks=tuple(stage_from_dict(stage, operations) for stage in values["blocks"]),
                head=head_from_dict(values["head"]),
            )
        except SpaceError:
            raise
        except KeyError as error:
            raise SpaceError(f"not an architecture: the field {error} is missing") from error
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            raise SpaceError(f"not an architecture: a field is of the wrong type ({error})") from error

    @staticmethod
    def from_json(text: str) -> "Architecture":
        """Read the text that `to_json` returned; raises `SpaceError` if it is not an architecture."""
        try:
            return Architecture.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise SpaceError(f"not an architecture: invalid JSON at line {error.lineno}: {error.msg}") from error


def whole(value: object, what: str) -> int:
    """Return a whole number in plain values; raises `SpaceError`, which names `what` it is, for anything else.

    >>> whole(24, "width"), whole(24.0, "width")
    (24, 24)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise SpaceError(f"{what} must be a whole number, not {value!r}")
    return int(value)


def head_to_dict(head: Head) -> dict[str, Any]:
    """Return a head as plain values; the kind only where it is not ``conv``, so that older files stay as they are."""
    values: dict[str, Any] = {"width": head.width, "activation": head.activation}
    return values | ({"kind": head.kind} if head.kind != Head.kind else {})


def head_from_dict(values: Mapping[str, Any]) -> Head:
    """Read what `head_to_dict` returned."""
    return Head(
        whole(values["width"], "the width of the head"), str(values["activation"]), str(values.get("kind", Head.kind))
    )


def stage_to_dict(stage: Stage) -> dict[str, Any]:
    """Return a stage as plain values, its operations by name."""
    names = [operation.name for operation in stage.path.operations]
    values: dict[str, Any] = {"stride": stage.stride, "width": stage.path.width, "operations": names}
    return values | ({"sections": [list(section) for section in stage.path.sections]} if stage.path.sections else {})


def stage_from_dict(values: Mapping[str, Any], operations: Mapping[str, Operation]) -> Stage:
    """Read what `stage_to_dict` returned."""
    width, stride = whole(values["width"], "width"), whole(values["stride"], "stride")
    return Stage(stride, Path(width, operations_named(values["operations"], operations), read_sections(values)))


def operations_named(names: Iterable[object], known: Mapping[str, Operation]) -> tuple[Operation, ...]:
    """Return the operations with these names.

    Raises:
        UnknownNameError: a name is not known.
        SpaceError: the names are one text, whose characters would be taken for names.
    """
    if isinstance(names, str):
        raise SpaceError(f"operations must be a list of names, such as [{names}], not {names!r}")
    for name in map(str, names):
        if name not in known:
            raise UnknownNameError("operation", name, known)
    return tuple(known[str(name)] for name in names)


def read_sections(values: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return the sections in plain values, if any; raises `SpaceError` if they are not lists of three whole numbers."""
    found = values.get("sections") or ()
    is_list = isinstance(found, list | tuple)
    if not is_list or not all(isinstance(one, list | tuple) and len(one) == len(Section._fields) for one in found):
        raise SpaceError(f"sections must be a list of [{', '.join(Section._fields)}], not {found!r}")
    return tuple(Section(*(whole(each, "a number of sections") for each in section)) for section in found)
