"""The paper map tells the truth: what it names exists, and nothing of the paper is left out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAP = (ROOT / "docs" / "paper_map.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    section = MAP.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_module_and_file_that_is_named_exists() -> None:
    named = set(re.findall(r"`([^`]+)`", MAP))
    package = ROOT / "src"
    missing = {
        name
        for name in named
        if not (ROOT / name).exists()
        and not any((root / f"{name.replace('.', '/')}.py").exists() for root in (package, ROOT))
        and not (package / name.replace(".", "/")).is_dir()
    }
    assert missing == set()


@pytest.mark.parametrize(("heading", "last"), [("Equations", 12), ("Algorithms", 2), ("Tables", 15), ("Figures", 13)])
def test_nothing_of_the_paper_is_left_out(heading: str, last: int) -> None:
    assert [row[0] for row in rows(heading)] == [str(number) for number in range(1, last + 1)]


def test_a_row_whose_test_is_its_doctests_names_a_module_with_doctests() -> None:
    for heading in ("Equations", "Sections", "Tables", "Figures"):
        for row in rows(heading):
            if row[3] == "doctests":
                files = [ROOT / "src" / f"{name.replace('.', '/')}.py" for name in re.findall(r"`([^`]+)`", row[2])]
                assert any(">>>" in file.read_text(encoding="utf-8") for file in files), row
