"""Networks for dense tasks: backbones, segmenters, detectors."""
