"""Models for other programs: ONNX files, pt2 files, folders for timm and the Hugging Face hub."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
