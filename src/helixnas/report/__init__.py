"""The report of a run, of a ranking and of a study: self-contained pages with the results and how far to trust them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
