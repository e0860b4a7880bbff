"""Compare the estimated memory of forward passes and training steps with what a process takes, network by network.

Claim to test: estimates, from which `helixnas init` chooses batches and `run` warns, are near the truth. Each network runs in a
process of its own; printed is by how much its peak of resident memory grows.
"""

import argparse
import copy
import resource
import subprocess
import sys

import psutil
import timm
import torch

from helixnas.engine.config import FitConfig
from helixnas.models.training_plan import memory_of
from helixnas.nn import count_all, count_params, saved_bytes
from helixnas.pipeline.memory.distillation import EAGER

PASSES = {"resnet18": 64, "mobilenetv3_small_100": 64, "convnext_atto": 64, "vit_tiny_patch16_224": 64}
TRAININGS = {"resnet18": 16, "mobilenetv3_small_100": 32, "convnext_atto": 16, "vit_tiny_patch16_224": 16}
MIB = 2**20


def main() -> None:
    """Print a row per network and kind of work, or measure one in this process."""
    options = _options()
    if options.network:
        print(measured(options.network, options.batch, trains=options.kind == "training"))
        return
    print("| Network | Work | Batch | Estimate, MiB | Measured, MiB | Measured / estimate |\n|---|---|---|---|---|---|")
    for kind, networks in (("pass", PASSES), ("training", TRAININGS)):
        for network, batch in networks.items():
            own = [sys.executable, __file__, "--network", network, "--batch", str(batch), "--kind", kind]
            print(subprocess.run(own, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def measured(name: str, batch: int, *, trains: bool) -> str:
    """Return the row of a network."""
    model = timm.create_model(name).to(memory_format=torch.channels_last)
    side = model.default_cfg["input_size"][-1]  # pyright: ignore[reportArgumentType, reportCallIssue, reportIndexIssue]
    twin, params = copy.deepcopy(model).to("meta"), count_params(model)
    if trains:
        fit = FitConfig(num_epochs=1, batch_size=batch, optimizer="adamw")
        estimate = (
            memory_of(params, params, fit, saved_bytes(twin, (2, 3, side, side)) // 2) - 4 * params
        )  # weights are there
    else:
        estimate = EAGER * batch * count_all(twin, (1, 3, side, side)).activation_bytes
    with torch.no_grad():
        model.eval()(torch.rand(2, 3, side, side))  # loads what the first pass loads
    before = psutil.Process().memory_info().rss
    images = torch.rand(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    if trains:
        optimizer = torch.optim.AdamW(model.train().parameters())
        model(images).sum().backward()
        optimizer.step()
    else:
        with torch.no_grad():
            model(images)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    kind = "training step" if trains else "forward pass"
    return f"| `{name}` | {kind} | {batch} | {estimate / MIB:.0f} | {grown / MIB:.0f} | {grown / estimate:.2f} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="", help="measure this one in this process")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--kind", choices=["pass", "training"], default="pass")
    return parser.parse_args()


if __name__ == "__main__":
    main()
