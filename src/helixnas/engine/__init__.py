"""Training machinery: device and precision, checkpoints, an ordinary classifier loop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
