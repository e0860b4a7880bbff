"""Sequential distillation (Table 10): one block after the other, a comparison method for the concurrent distillation."""

from helixnas.lab.sequential.beam import Prefix, ScoredPrefix, load_beams, save_beams
from helixnas.lab.sequential.distillation import Progressive
from helixnas.lab.sequential.rating import rate_extensions

__all__ = ["Prefix", "Progressive", "ScoredPrefix", "load_beams", "rate_extensions", "save_beams"]
