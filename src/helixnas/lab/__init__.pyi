from .benchmark import Benchmark as Benchmark, load_benchmark as load_benchmark, save_benchmark as save_benchmark
from .predictors import Summed as Summed
from .ranking import rank as rank
