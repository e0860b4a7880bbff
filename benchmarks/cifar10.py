"""Compare the network that a search on CIFAR-10 chooses with random networks of the same size, all trained alike.

Claim to test: the network chosen by block-wise ratings under a budget is better than a random one. The script runs the recipe
(aim: 90 minutes on two cores). Then it trains the winner of the search `small` and three random networks from scratch, each
with two seeds. The random networks are drawn uniformly among those within 3 % of the winner's multiply-adds. The run's own
training of the winner counts as its first: it has the same images, settings and seed. An interrupted script resumes.
"""

import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.files import read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import recipe_from_settings
from helixnas.engine.console import ConsoleReporter
from helixnas.experiments.benchmark import build_benchmark
from helixnas.experiments.benchmark_plan import BenchmarkPlan
from helixnas.lab import Benchmark, save_benchmark
from helixnas.lab.trained import TrainedNetwork

RUN = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/cifar10")
SEARCH, NUM_RANDOM, NUM_SEEDS, MARGIN = "small", 3, 2, 0.03


def main() -> None:
    """Print the accuracy of every training, the chosen network first."""
    subprocess.run([sys.executable, "-m", "helixnas", "run", "cifar10", "--out", str(RUN)], check=True)
    folder = RunFolder(RUN)
    chosen = read_json(folder.search(SEARCH) / "certificate.json")
    macs = chosen["costs"]["macs"]
    plan = BenchmarkPlan(
        recipe=recipe_from_settings(folder.load_settings(), where=str(folder.config)),
        out=RUN / "controls.json",
        num_networks=NUM_RANDOM,
        num_trainings=NUM_SEEDS,
        lower={"macs": round(macs * (1 - MARGIN))},
        upper={"macs": round(macs * (1 + MARGIN))},
        given=(" ".join(part for part in chosen["architecture"] if part),),
    )
    if not plan.trained():
        _take_over(folder, plan)
    found = build_benchmark(plan, ConsoleReporter(Console()))
    for network in found.networks:
        trained = ", ".join(f"{100 * accuracy:.2f}" for accuracy in network.accuracy)
        costs = f"{network.costs['macs']:,} multiply-adds, {network.costs['params']:,} parameters"
        print(f"{network.architecture.text}: {trained} %; {costs}")
    own, *others = found.mean_accuracy.tolist()
    lead = 100 * (own - statistics.mean(others))
    spread = 100 * statistics.mean(abs(a - b) for a, b in (network.accuracy[:2] for network in found.networks))
    print(
        f"the chosen network leads the mean of the random ones by {lead:.2f} points; seeds differ by {spread:.2f} on average"
    )


def _take_over(folder: RunFolder, plan: BenchmarkPlan) -> None:
    """Start the file with the training that the run has done, which is identical to the first training of a benchmark."""
    figures = read_json(folder.retrained(SEARCH) / "metrics.json")
    winner = plan.architectures[0]
    row = TrainedNetwork(
        architecture=winner,
        accuracy=(figures["accuracy"],),
        costs={name: plan.costs.of(winner)[name] for name in ("macs", "params")},
    )
    facts = {"recipe": plan.recipe.name, "num_images": figures["num_images"], "settings": plan.settings()}
    save_benchmark(Benchmark(name=plan.out.stem, space=plan.space, networks=(row,), facts=facts), plan.out)


if __name__ == "__main__":
    main()
