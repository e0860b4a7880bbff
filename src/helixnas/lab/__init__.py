"""The ranking lab: how far scores predict trained accuracy, beside what size alone predicts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
