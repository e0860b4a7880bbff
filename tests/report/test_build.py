"""The page as a whole: complete, self-contained, escaped, and useful for a run that is only begun."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from helixnas.errors import ArtifactError
from helixnas.report import build_report

ANCHORS = [
    "summary",
    "explorer",
    "networks",
    "losses",
    "inheritance",
    "scores",
    "front",
    "certainty",
    "stitching",
    "latency",
    "settings",
]
CHARTS = ["distill", "training", "inheritance", "scores", "front", "certainty-0", "certainty-1", "stitching", "latency"]
VOID = {"meta", "link", "br", "input"}


class Structure(HTMLParser):
    """Checks that tags are closed in order, and collects ids and links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values[name] or "" for name in ("href", "src") if name in values]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def body_of(page: Path) -> str:
    """Return the page without its head."""
    return "<html>" + page.read_text(encoding="utf-8").partition("</head>")[2]


def section_of(page: Path, anchor: str) -> str:
    """Return the text of one section."""
    found = re.search(rf'<section id="{anchor}">(.*?)</section>', body_of(page), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_page_lies_in_the_run_and_holds_every_section_and_chart(finished: Any, page: Path) -> None:
    assert page == finished.folder / "report.html"
    structure = Structure(body_of(page))
    assert [name for name in structure.ids if not name.startswith(("chart-", "limit-"))] == ANCHORS
    assert [name for name in structure.ids if name.startswith("chart-")] == [f"chart-{name}" for name in CHARTS]
    assert 'class="missing"' not in body_of(page)


def test_tags_are_closed_in_order_and_contents_lead_to_sections(page: Path) -> None:
    structure = Structure(page.read_text(encoding="utf-8"))
    assert structure.open == []
    assert [link for link in structure.links if link.startswith("#")] == [f"#{anchor}" for anchor in ANCHORS]


def test_the_page_asks_no_network_for_anything(page: Path) -> None:
    links = Structure(page.read_text(encoding="utf-8")).links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "sourceMappingURL" not in page.read_text(encoding="utf-8")


def test_the_page_is_small_and_its_settings_are_folded(page: Path) -> None:
    assert page.stat().st_size < 2_000_000
    assert "<details><summary>All settings</summary>" in section_of(page, "settings")


def test_every_figure_says_how_to_read_it(page: Path) -> None:
    body = body_of(page)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", body)
    assert body.count("<figure") == len(captions) == len(CHARTS) + 1
    assert all(len(caption) > 60 for caption in captions)


def test_the_same_run_gives_the_same_page(page: Path, own_run: Path) -> None:
    same = build_report(own_run).read_text().replace(str(own_run), str(page.parent))  # it stands in commands
    assert same == page.read_text()


def test_names_with_markup_are_shown_as_they_are(begin: Callable[..., Any]) -> None:
    run = begin(recipe="<script>alert(1)</script>")
    run.teacher()
    run.distill()
    run.rate()
    run.search("a&b", [(0.1, 0.01)])
    run.finish("<img src=x>")
    body = body_of(build_report(run.folder))
    Structure(body)
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "<img" not in body
    assert "<b>a&amp;b</b>" in body
    assert "chosen by search a&amp;b" in body.replace("\\u0026", "&")


def test_settings_cannot_close_the_page(begin: Callable[..., Any]) -> None:
    run = begin()
    (run.folder / "config.yaml").write_text("description: '</pre></body><b>'\nspace: nowhere\n")
    body = body_of(build_report(run.folder))
    assert body.count("</body>") == 1
    assert "&lt;/pre&gt;&lt;/body&gt;&lt;b&gt;" in body


@pytest.mark.parametrize("stages", [0, 1, 3, 5])
def test_a_run_that_is_part_done_says_what_is_missing(begin: Callable[..., Any], stages: int) -> None:
    run = begin()
    steps: list[Callable[[], None]] = [
        run.teacher,
        run.distill,
        run.rate,
        lambda: run.stitch(score=0.5, macs=0.25, params=0.0, depth=0.0),
        lambda: run.search("small", [(0.1, 0.01)]),
        lambda: run.retrain("small"),
    ]
    for step in steps[:stages]:
        step()
    page = build_report(run.folder)
    Structure(body_of(page))
    shown = {name for name in Structure(body_of(page)).ids if not name.startswith("chart-")}
    there = {"losses": 1, "scores": 3, "stitching": 4, "front": 5, "certainty": 5, "networks": 5}
    assert shown == {"summary", "settings", *(anchor for anchor, after in there.items() if stages >= after)}
    commands = re.findall(r"<code>helixnas (\w+) \S+</code>", section_of(page, "summary"))
    assert commands == ["teacher", "distill", "rate", "rate", "search"][stages:] + ["retrain"] * (stages == 5)
    assert ("Not retrained and evaluated yet: small" in section_of(page, "summary")) is (stages == 5)


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no run in .*; start one with: helixnas run RECIPE --out"):
        build_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
