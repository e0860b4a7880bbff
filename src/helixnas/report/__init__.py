"""The report of a run, of a ranking and of a study: self-contained pages that show what was found, and how far to trust it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
