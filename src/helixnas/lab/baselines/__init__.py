"""Baselines in the same space: other ways to rank its networks, trained on labels without a teacher.

SPOS and FairNAS share the weights of one whole network among all; DARTS mixes all operations and learns how much of each;
MnasNet's way is to train a sample shortly from scratch. What each costs is told beside how well it ranks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
