"""A search space written down: by name, as a YAML file, or as the mapping inside a recipe.

Three forms. ``family: mbconv`` (or ``macro``, ``channel``, ``vit``) and that builder's own arguments; ``join: SPACE`` with
``groups: [2, 1]``, adjacent blocks of another space joined into one (`helixnas.space.joining`); or the full definition, with the
operations defined once and cells that list their layers::

    name: mine
    stem: [{stride: 2, width: 16, operations: [conv]}]
    operations:
      conv: {kind: conv, kernel: 3, activation: relu}
      mb3_k3: {kind: mbconv, kernel: 3, expansion: 3, se_ratio: 0.25, activation: relu}
      mb6_k5: {kind: mbconv, kernel: 5, expansion: 6, se_ratio: 0.25, activation: relu}
    blocks:
      - {stride: 2, cells: [{width: 24, layers: 2}, {width: 24, layers: [[mb3_k3], [mb3_k3, mb6_k5], [mb6_k5]]}]}
    head: {width: 128, activation: relu}

A number of layers means that many layers with every operation that the stem does not use. ``ties: [2]`` in a cell makes its
two layers take the same operation. A head of ``kind: norm``, for transformers, is a layer norm without a width.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar, cast

import yaml

from helixnas.errors import ConfigError, SpaceError, UnknownNameError, on_one_line
from helixnas.settings import check_value
from helixnas.space.architecture import (
    Head,
    Stage,
    head_to_dict,
    operations_named,
    read_sections,
    stage_from_dict,
    stage_to_dict,
    whole,
)
from helixnas.space.channel import channel
from helixnas.space.joining import join_blocks
from helixnas.space.macro import macro
from helixnas.space.mbconv import mbconv
from helixnas.space.operation import Operation
from helixnas.space.search_space import Block, Cell, SearchSpace, alike_layers
from helixnas.space.vit import vit

T = TypeVar("T")

FAMILIES: dict[str, Callable[..., SearchSpace]] = {"mbconv": mbconv, "macro": macro, "channel": channel, "vit": vit}


def load_space(definition: str | FilePath | Mapping[str, Any], *, image_size: int = 0) -> SearchSpace:
    """Return the space of a family name, a YAML file or a mapping.

    A family that depends on the size of images (vit) takes `image_size` if the definition names none; 0 for the family's own.

    Raises:
        UnknownNameError: no family or file of that name, an unknown argument, or an operation that is not defined.
        SpaceError: the definition is malformed; the message names the part.

    >>> load_space("macro").size
    3969
    >>> load_space({"family": "mbconv", "kernels": [3, 5]}).size
    57532697542656
    >>> load_space("vit", image_size=32).stem[0].path.operations[0].option("grid")
    2
    """
    if isinstance(definition, Mapping):
        return _from_mapping(definition, image_size)
    if str(definition) in FAMILIES:
        return _from_family({"family": str(definition)}, image_size)
    path = FilePath(definition)
    if path.suffix not in (".yaml", ".yml"):
        raise UnknownNameError("space", str(definition), FAMILIES)
    if not path.is_file():
        raise SpaceError(f"no space file at {path}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpaceError(f"cannot read the space file {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SpaceError(f"{path} is not YAML: {on_one_line(error)}") from error
    if not isinstance(content, Mapping):
        raise SpaceError(f"{path} does not hold a space: expected a mapping with 'blocks' or 'family'")
    return _from_mapping(content, image_size)


def space_to_dict(space: SearchSpace) -> dict[str, Any]:
    """Return the full definition of a space as plain values, which `load_space` reads.

    >>> load_space(space_to_dict(macro())) == macro()
    True
    """
    return {
        "name": space.name,
        "operations": {operation.name: operation.to_dict() for operation in space.operations},
        "stem": [stage_to_dict(stage) for stage in space.stem],
        "blocks": [
            {
                "stride": block.stride,
                "cells": [
                    {"width": cell.width, "layers": [[op.name for op in layer] for layer in cell.layers]}
                    | ({"sections": [list(section) for section in cell.sections]} if cell.sections else {})
                    | ({"ties": list(cell.ties)} if cell.ties else {})
                    for cell in block.cells
                ],
            }
            for block in space.blocks
        ],
        "head": head_to_dict(space.head),
    }


def _from_mapping(values: Mapping[str, Any], image_size: int) -> SearchSpace:
    if "family" in values:
        return _from_family(values, image_size)
    if "join" in values:
        return _joined(values, image_size)
    _check_keys("space field", values, ("name", "stem", "operations", "blocks", "head"))
    try:
        operations = {str(k): Operation.from_dict(str(k), v) for k, v in _operations(values).items()}
        stem = _each("stem", values, lambda part: _stage(part, operations))
        in_stem = {operation for stage in stem for operation in stage.path.operations}
        searched = tuple(operation for operation in operations.values() if operation not in in_stem)
        blocks = _each("blocks", values, lambda part: _block(part, operations, searched))
        head = _head(values.get("head", {}))
    except KeyError as error:
        raise SpaceError(f"the space definition lacks the field {error}") from error
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(f"the space definition is malformed: {on_one_line(error)}") from error
    return SearchSpace(str(values.get("name", "custom")), stem, blocks, head)


def _from_family(values: Mapping[str, Any], image_size: int) -> SearchSpace:
    family = str(values["family"])
    if family not in FAMILIES:
        raise UnknownNameError("space family", family, FAMILIES)
    arguments = {key: value for key, value in values.items() if key != "family"}
    parameters = inspect.signature(FAMILIES[family]).parameters
    _check_keys(f"argument of the {family} space", arguments, parameters)
    if image_size and "image_size" in parameters:
        arguments.setdefault("image_size", image_size)
    try:
        for name, value in arguments.items():
            check_value(FAMILIES[family], name, value, name=f"{name} of the {family} space")
    except ConfigError as error:
        raise SpaceError(str(error)) from None
    try:
        return FAMILIES[family](**arguments)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(f"the {family} space cannot be built from {arguments}: {on_one_line(error)}") from error


def _joined(values: Mapping[str, Any], image_size: int) -> SearchSpace:
    _check_keys("field of joined blocks", values, ("join", "groups"))
    groups = values.get("groups")
    if not isinstance(groups, list | tuple) or not all(isinstance(number, int) for number in groups):
        raise SpaceError(
            f"groups must say how many adjacent blocks are joined into each, such as [2, 1], not {groups!r}"
        )
    return join_blocks(load_space(values["join"], image_size=image_size), groups)


def _operations(values: Mapping[str, Any]) -> Mapping[Any, Any]:
    found = values["operations"]
    if not isinstance(found, Mapping):
        raise SpaceError(
            f"operations must map names to kinds and options, such as {{conv: {{kind: conv, kernel: 3}}}}, not {found!r}"
        )
    return found


def _each(field: str, values: Mapping[str, Any], read: Callable[[Any], T]) -> tuple[T, ...]:
    """Return the parts of a list; an error of one names its number."""
    found = list[T]()
    for number, part in enumerate(_list(field, values[field], "parts with a stride each"), start=1):
        try:
            found.append(read(part))
        except SpaceError as error:
            raise SpaceError(f"part {number} of {field}: {error}") from error
    return tuple(found)


def _list(field: str, value: Any, of: str) -> Sequence[Any]:
    """Return a list; raises `SpaceError`, which says what it must hold, for anything else."""
    if not isinstance(value, list | tuple):
        raise SpaceError(f"{field} must be a list of {of}, not {value!r}")
    return cast(Sequence[Any], value)


def _stage(values: Any, operations: Mapping[str, Operation]) -> Stage:
    _check_keys("stem field", values, ("stride", "width", "operations"))
    return stage_from_dict(values, operations)


def _block(values: Any, operations: Mapping[str, Operation], searched: tuple[Operation, ...]) -> Block:
    _check_keys("block field", values, ("stride", "cells"))
    cells: list[Cell] = []
    for cell in _list("cells", values["cells"], "a width and layers each"):
        _check_keys("cell field", cell, ("width", "layers", "sections", "ties"))
        tied = _list("ties", cell.get("ties") or (), "numbers of layers that share a choice")
        width, ties = whole(cell["width"], "width"), tuple(whole(one, "each of ties") for one in tied)
        cells.append(Cell(width, _layers(cell["layers"], operations, searched), read_sections(cell), ties))
    return Block(whole(values["stride"], "stride"), tuple(cells))


def _layers(
    layers: Any, operations: Mapping[str, Operation], searched: tuple[Operation, ...]
) -> tuple[tuple[Operation, ...], ...]:
    """Return the operations of each layer, given for each or as a number of layers with all that are searched."""
    if isinstance(layers, list | tuple):
        return tuple(operations_named(layer, operations) for layer in layers)
    if isinstance(layers, bool) or not isinstance(layers, int):
        raise SpaceError(f"layers must be a number, or a list with the operations of each layer, not {layers!r}")
    return alike_layers(searched, layers)


def _head(values: Any) -> Head:
    _check_keys("head field", values, ("width", "activation", "kind"))
    kind = str(values.get("kind", Head.kind))
    width = values.get("width", Head.width if kind == Head.kind else 0)
    return Head(whole(width, "the width of the head"), str(values.get("activation", Head.activation)), kind)


def _check_keys(kind: str, values: Any, known: Any) -> None:
    if not isinstance(values, Mapping):
        raise SpaceError(f"the {kind.removesuffix(' field')} must be a mapping of its fields, not {values!r}")
    for key in values:
        if key not in known:
            raise UnknownNameError(kind, str(key), known)
