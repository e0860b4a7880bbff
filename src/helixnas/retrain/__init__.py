"""Training the chosen architecture, from scratch or from inherited weights, and saving it as a model folder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
