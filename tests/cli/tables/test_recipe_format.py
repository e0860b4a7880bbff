"""The page of all settings is that of the code."""

from pathlib import Path

import pytest

from helixnas.cli import main
from helixnas.cli.tables.recipe_format import recipe_format
from helixnas.pipeline.recipe import Recipe
from helixnas.settings import sections

PAGE = Path(__file__).parents[3] / "docs/guide/recipe-format.md"


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--settings"]) == 0
    made = capsys.readouterr().out
    assert made.strip() == recipe_format().strip() == PAGE.read_text(encoding="utf-8").strip(), (
        "helixnas recipes --settings > docs/guide/recipe-format.md"
    )


def test_every_setting_has_a_row_with_a_meaning() -> None:
    rows = {line.split(" | ")[0] for line in recipe_format().splitlines() if line.startswith("| `")}
    for section in sections(Recipe):
        for setting in section.settings:
            assert f"| `{setting.name.removeprefix(f'{section.name}.')}`" in rows
            assert setting.help, setting.name
