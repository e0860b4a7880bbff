"""Operation: one candidate layer, as a value.

An operation says what a layer is (its kind and options), not where it stands: widths and stride come from the cell
around it. ``helixnas.nn`` builds its module, so that spaces can be written and searched without torch.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from helixnas.errors import SpaceError

Option = int | float | str | bool
"""Value of an option, unchanged by JSON and YAML."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*")


@dataclass(frozen=True)
class Operation:
    """A named layer type with its options; equal options make equal operations.

    Raises `SpaceError` if the name holds a character with a meaning in paths or modules (space, comma, colon, dot).

    >>> Operation.of("mb3_k5", kind="mbconv", kernel=5, expansion=3).option("kernel")
    5
    """

    name: str
    """Readable name, unique inside a space: ``mb3_k5``."""

    kind: str
    """The registered kind that builds the module: ``mbconv``, ``projection`` or a user's own."""

    options: tuple[tuple[str, Option], ...] = ()
    """Options of the kind, sorted by name."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SpaceError(
                f"operation name {self.name!r} is not usable in a path; use letters, digits, '_', '+' or '-', "
                "beginning with a letter"
            )
        object.__setattr__(self, "options", tuple(sorted(self.options)))

    @staticmethod
    def of(name: str, *, kind: str, **options: Option) -> "Operation":
        """Build an operation from keyword options."""
        return Operation(name, kind, tuple(options.items()))

    def option(self, name: str, default: Option | None = None) -> Option | None:
        """Return the option `name`, or `default` if it is not set."""
        return dict(self.options).get(name, default)

    @property
    def is_identity(self) -> bool:
        """Whether the layer is a projection: an identity except where width or resolution change."""
        return self.kind == "projection"

    def to_dict(self) -> dict[str, Option]:
        """Return the kind and options as plain values."""
        return {"kind": self.kind, **dict(self.options)}

    @staticmethod
    def from_dict(name: str, values: object) -> "Operation":
        """Read what `to_dict` wrote; raises `SpaceError` if no kind is given, or an option is not a plain value."""
        if not isinstance(values, Mapping) or not isinstance(values.get("kind"), str):
            raise SpaceError(f"operation {name!r} needs a kind, for example {{kind: mbconv, kernel: 3, expansion: 6}}")
        for key, value in values.items():
            if not isinstance(value, int | float | str | bool):
                raise SpaceError(
                    f"option {key!r} of operation {name!r} must be a number, a text or true/false, not {value!r}"
                )
        return Operation(name, str(values["kind"]), tuple((k, v) for k, v in values.items() if k != "kind"))
