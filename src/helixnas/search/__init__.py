"""The exact search: the proven best architecture inside the budgets, or the reason why there is none (Eq. 4).

It works on plain integer arrays and never imports torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
