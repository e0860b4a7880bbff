"""The functions that do the work of the stages."""
