"""The ranking lab: how far scores predict trained accuracy, beside what size alone predicts."""

from helixnas.lab.benchmark import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.predictors import Summed
from helixnas.lab.ranking import rank

__all__ = ["Benchmark", "Summed", "load_benchmark", "rank", "save_benchmark"]
