"""How this process was started: alone, or by torchrun, accelerate or the like as one of several. Does not import torch."""

import os


def is_started_together() -> bool:
    """Return whether a launcher started several processes that are to train together."""
    number = os.environ.get("WORLD_SIZE", "")
    return number.isdecimal() and int(number) > 1 and "RANK" in os.environ
