"""Baselines in the same space: other ways to rank its networks, trained on labels without a teacher.

SPOS and FairNAS share the weights of one whole network among all; DARTS mixes all operations and learns their shares;
MnasNet briefly trains a sample of networks from scratch. Each is compared at its cost.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
