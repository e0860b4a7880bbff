"""The sections of a run's page: one module and one template each, in the order of `helixnas.report.build.SECTIONS`."""
