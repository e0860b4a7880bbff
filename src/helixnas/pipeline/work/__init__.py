"""The work of the stages: what `helixnas.pipeline.stages` names, with torch."""
