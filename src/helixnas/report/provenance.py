"""Where the figures come from: stages with their times, versions, and all settings."""

from typing import Any

import yaml

from helixnas.report.markup import Section, duration, missing, table, text
from helixnas.report.reading import RunFiles


class ShortLists(yaml.SafeDumper):
    """Writes mappings a line per entry and lists in brackets, as recipes are written by hand."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        """Return the node of a list, in brackets."""
        return super().represent_sequence(tag, sequence, flow_style=True)


def provenance_section(run: RunFiles) -> Section:
    """Return stage times, versions and the settings of the run."""
    stages = run.record.stages
    body = '<div class="beside">\n<div><h3>Stages</h3>\n'
    if stages:
        rows = [
            [name, stage.finished.replace("T", " ")[:19], duration(stage.seconds)] for name, stage in stages.items()
        ]
        rows.append(["together", "", duration(sum(stage.seconds for stage in stages.values()))])
        body += table(["stage", "finished (UTC)", "time"], rows, numeric=2)
    else:
        body += missing("No stage is finished yet.")
    body += "</div>\n<div><h3>Versions</h3>\n"
    body += table(["package", "version"], [[name, version] for name, version in run.record.versions.items()])
    body += "</div>\n</div>\n"
    body += "<h3>Settings</h3>\n"
    if run.settings:
        settings = yaml.dump(dict(run.settings), Dumper=ShortLists, sort_keys=False, width=60)
        body += f'<pre class="settings">{text(settings)}</pre>\n'
    else:
        body += missing("The run has no config.yaml.")
    return Section(anchor="settings", title="Settings and versions", body=body)
