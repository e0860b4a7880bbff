"""Fast training on a CPU: kept memory, depthwise convolutions, gradients in the order of their features."""
