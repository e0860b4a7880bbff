"""The whole job from Python: `search_architecture` searches, `Run` does its stages one by one, `Found` is a result."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
