"""The stages in order: teacher -> distill -> rate -> search -> retrain -> report. Begin reading at `pipeline.run`."""
