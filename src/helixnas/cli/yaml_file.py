"""Reading YAML files of recipes and studies, without torch."""

from pathlib import Path
from typing import Any

import yaml

from helixnas.errors import ConfigError

MERGE = "tag:yaml.org,2002:merge"
"""Tag of the key ``<<``, which may occur several times."""


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which rejects duplicate keys instead of dropping the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node."""
        seen = set[str]()
        for key, _ in node.value:
            if key.tag != MERGE and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(
    path: Path, *, what: str = "recipe", such_as: str = "settings such as 'teacher:' and 'space:'"
) -> dict[str, Any]:
    """Return the mapping in a YAML file; messages name the kind of file, `what`, and its expected content, `such_as`.

    Raises `ConfigError` if the file cannot be read, holds no mapping, or gives a key twice.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"cannot read the {what} {path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"the {what} {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        kind = "nothing" if content is None else type(content).__name__
        raise ConfigError(f"the {what} {path} must hold {such_as}, not {kind}")
    return {str(name): value for name, value in content.items()}
