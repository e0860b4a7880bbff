"""HelixNAS: block-wise neural architecture search.

A teacher is cut into blocks, a supernet learns each block from the teacher's features, every path of every block is
rated, and an exact search picks the best whole architecture inside the budgets.

Each room of the package is imported when it is first named (PEP 562), so that the decision core stays light: this
runs without torch.

>>> import helixnas
>>> f"{helixnas.space.mbconv().size:,}"
'195,898,498,887,057,408'
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helixnas import (
        api,
        artifacts,
        calibration,
        cli,
        costs,
        data,
        distill,
        engine,
        errors,
        experiments,
        export,
        generations,
        jobs,
        lab,
        models,
        nn,
        pipeline,
        proxies,
        rating,
        report,
        retrain,
        search,
        settings,
        space,
        start,
        supernet,
        teacher,
        transfer,
        zoo,
    )
    from helixnas.api import search_architecture as search_architecture

    __version__: str

__all__ = [
    "__version__",
    "api",
    "artifacts",
    "calibration",
    "cli",
    "costs",
    "data",
    "distill",
    "engine",
    "errors",
    "experiments",
    "export",
    "generations",
    "jobs",
    "lab",
    "models",
    "nn",
    "pipeline",
    "proxies",
    "rating",
    "report",
    "retrain",
    "search",
    "search_architecture",
    "settings",
    "space",
    "start",
    "supernet",
    "teacher",
    "transfer",
    "zoo",
]


def __getattr__(name: str) -> object:
    """Import a room, or look the version up, when it is first asked for."""
    if name == "__version__":
        from importlib import metadata  # slower to import than the rest of this module

        return metadata.version("helixnas")
    if name == "search_architecture":
        return importlib.import_module(f"{__name__}.api").search_architecture
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    """List the rooms, imported or not."""
    return sorted(__all__)
