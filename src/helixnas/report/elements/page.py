"""The frame of a page: sections rendered from jinja2 templates, one style sheet, no network access.

Templates escape every value, so no name from a file can become markup; only `Markup` passes as it is.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a page."""

    anchor: str
    """The fragment of its link."""

    title: str
    body: Markup


def section(anchor: str, title: str, template: str, **values: object) -> Section:
    """Return a section whose body is a template filled with `values`."""
    return Section(anchor=anchor, title=title, body=render(template, **values))


def render(template: str, **values: object) -> Markup:
    """Return a template of `report/templates` (its path without ``.html.jinja``) filled with `values`."""
    return Markup(_environment().get_template(f"{template}.html.jinja").render(**values))


def document(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Return a self-contained page of sections with a table of contents."""
    return render("page", title=title, subtitle=subtitle, sections=sections)


def prose(text: Markup | str) -> Markup:
    """Return text on one line, escaped unless it is markup; non-breaking spaces stay.

    >>> prose("a   < b")
    Markup('a &lt; b')
    """
    return Markup(re.sub(r"[ \n]+", " ", Markup.escape(text)).strip())


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("helixnas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    return environment
