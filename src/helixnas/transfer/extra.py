"""The libraries that only transfer needs, and the sentence where they are missing."""

from importlib.util import find_spec

from helixnas.errors import ConfigError

LIBRARIES = {
    "segmentation_models_pytorch": "segmentation",
    "torchmetrics": "metrics",
    "pycocotools": "detection",
}
"""Names to import, and what each is for."""


def require_extra(*names: str) -> None:
    """Raise `ConfigError` if one of these libraries is not installed."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        purpose = " and ".join(LIBRARIES[name] for name in missing)
        raise ConfigError(
            f"{purpose} need {' and '.join(missing)}, not installed here: pip install 'helixnas[transfer]'"
        )
