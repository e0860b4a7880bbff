"""Are limits that `helixnas init` accepts ever infeasible for the run? Prints a line per budget, then the count.

    python benchmarks/init_budgets.py [--number 50]

Random limits on one or two resources, of random networks of timm; each accepted recipe runs with the least training until
its search has found a network, which must meet the limits.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import timm
import torch
from init_families import tiny, write_images
from safetensors.torch import save_file

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.pipeline.run import run_recipe
from helixnas.start.proposal import SEARCH, propose
from helixnas.start.request import Request

TEACHERS = ("test_resnet", "mobilenetv3_small_050", "test_vit")
RESOURCES = ("macs", "params", "activation_bytes")
SIDE, SEED = 64, 0


def main() -> None:
    """Draw budgets until so many are accepted; print what came of each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=50, help="accepted budgets (default: 50)")
    number = parser.parse_args().number
    torch.set_num_threads(1)
    rng, accepted, refused, missed = np.random.default_rng(SEED), 0, 0, 0
    while accepted < number:
        names = rng.permutation(RESOURCES)[: rng.integers(1, 3)]
        limits = {str(name): f"{100 * 10 ** rng.uniform(-0.6, 0):.1f}%" for name in names}
        teacher = str(rng.choice(TEACHERS))
        with tempfile.TemporaryDirectory() as folder:
            said, is_met = outcome(teacher, limits, Path(folder))
        accepted, refused = accepted + (is_met is not None), refused + (is_met is None)
        missed += is_met is False
        print(f"{teacher}, {limits}: {said}", flush=True)
    print(f"{missed} of {accepted} accepted budgets were not met; {refused} others were refused by init")


def outcome(teacher: str, limits: Mapping[str, str], folder: Path) -> tuple[str, bool | None]:
    """Return what came of a budget in words, and whether the run met it; None if `init` refused it."""
    write_images(folder / "images", SIDE)
    torch.manual_seed(SEED)
    weights = folder / "teacher.safetensors"
    size = {"img_size": SIDE} if teacher == "test_vit" else {}
    network = timm.create_model(teacher, num_classes=3, **size)
    save_file({name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}, weights)
    try:
        found = propose(
            Request(
                teacher=teacher,
                weights=str(weights),
                data=str(folder / "images"),
                max=limits,
                image_size=SIDE,
                hours=0.001,
            )
        )
    except (ConfigError, InfeasibleBudgetError) as error:
        return f"refused by init: {' '.join(str(error).split())}", None
    run = RunFolder(folder / "run")
    try:
        run_recipe(tiny(found.recipe), run, Reporter(), until="search")
    except InfeasibleBudgetError as error:
        return f"INFEASIBLE: {' '.join(str(error).split())}", False
    costs = SearchRecord.load(run.search(SEARCH) / "result.json").costs
    shares = {name: costs[name] / found.teacher.costs[name] for name in limits}
    is_met = all(share <= float(limits[name].rstrip("%")) / 100 for name, share in shares.items())
    return f"winner {', '.join(f'{name} {share:.1%}' for name, share in shares.items())}", is_met


if __name__ == "__main__":
    main()
