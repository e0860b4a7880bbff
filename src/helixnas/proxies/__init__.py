"""Zero-cost proxies: scores of untrained networks, which any ranking by training must beat."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
