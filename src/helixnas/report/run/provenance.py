"""Where the figures come from: stages with their times, versions, and all settings."""

from typing import Any

import yaml

from helixnas.engine.timing import duration
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles


class ShortLists(yaml.SafeDumper):
    """Writes mappings one entry a line and lists in brackets, as recipes are written by hand."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        """Return the node of a list, in brackets."""
        return super().represent_sequence(tag, sequence, flow_style=True)


def provenance_section(run: RunFiles) -> Section:
    """Return stage times, versions and the settings of the run."""
    stages = run.record.stages
    rows = [[name, stage.finished.replace("T", " ")[:19], duration(stage.seconds)] for name, stage in stages.items()]
    if rows:
        rows.append(["together", "", duration(sum(stage.seconds for stage in stages.values()))])
    values = {
        "stages": rows,
        "versions": list(run.record.versions.items()),
        "settings": yaml.dump(dict(run.settings), Dumper=ShortLists, sort_keys=False, width=60) if run.settings else "",
    }
    return section("settings", "Settings and versions", "run/provenance", **values)
