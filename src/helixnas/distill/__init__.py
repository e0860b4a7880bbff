"""Block-wise distillation of the teacher's features into the supernet (DNA, Sec. 3.3)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
