"""Memory that the stages of a recipe are estimated to need, counted on the meta device, and batches that would fit."""
