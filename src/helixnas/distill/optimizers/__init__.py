"""The optimizers of training units: a choice of four, two of which touch only the slices that a step uses."""
