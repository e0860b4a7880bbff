"""Reading a recipe's YAML file, without torch."""

from pathlib import Path
from typing import Any

import yaml

from helixnas.errors import ConfigError


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; raises `ConfigError` where it holds none."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"the recipe {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        kind = "nothing" if content is None else type(content).__name__
        raise ConfigError(f"the recipe {path} must hold settings such as 'teacher:' and 'space:', not {kind}")
    return {str(name): value for name, value in content.items()}
