"""Every setting of a recipe as a Markdown page, from the settings classes themselves; without torch."""

import json
from collections.abc import Iterator
from dataclasses import MISSING

from helixnas.pipeline.recipe import Recipe
from helixnas.settings import Section, Setting, sections

INTRODUCTION = """# The recipe format

<!-- Made by: helixnas recipes --settings -->

A recipe is a YAML file with these settings. All are optional. Groups are nested: `distill.lr` is `lr` under `distill`. On the
command line, every setting is an option of the same name (`--distill.lr 0.01`), with dashes or underscores. An unknown name, a
value of another type or out of its range is refused before anything runs.
"""


def recipe_format() -> str:
    """Return the page: a table per group, with name, type and range, default and meaning of every setting.

    >>> "| `lr` | a number, above 0 | 0.005 | Initial learning rate of the other blocks. |" in recipe_format()
    True
    """
    return "\n".join([INTRODUCTION, *_tables()])


def _tables() -> Iterator[str]:
    for section in sections(Recipe):
        yield f"## {_title(section)}\n"
        yield f"{section.help}{' null leaves the group out.' if section.optional else ''}\n"
        if section.settings:
            yield "| Setting | Type | Default | Meaning |\n|---|---|---|---|"
            yield from (_row(section, setting) for setting in section.settings)
            yield ""


def _title(section: Section) -> str:
    return f"`{section.name}`" if section.name else "The recipe itself"


def _row(section: Section, setting: Setting) -> str:
    name = setting.name.removeprefix(f"{section.name}.")
    cells = (f"`{name}`", setting.type, _default(setting), setting.help)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(setting: Setting) -> str:
    if setting.default is MISSING:
        return "needed"
    if setting.default in ("", (), {}):
        return "empty"
    return json.dumps(setting.default)
