"""Spaces drawn in text."""

import re
import subprocess
import sys

from helixnas.cli.tables.spaces import draw, purpose_of
from helixnas.space import vit
from helixnas.space.channel import channel
from helixnas.space.definition import FAMILIES


def test_every_family_is_listed_without_torch() -> None:
    code = "import sys; from helixnas.cli import main; main(['spaces']); assert 'torch' not in sys.modules"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for name, build in FAMILIES.items():
        assert f"{name}: Return" not in said
        assert f"\n{name}: " in f"\n{said}"
        assert f"{build().size:,} networks" in said
    assert "stem_width" in said
    assert not re.search(r">>>|Raises|raises|``|\b1 more cells", said)


def test_a_family_is_described_in_one_line() -> None:
    for build in FAMILIES.values():
        purpose = purpose_of(build)
        assert 20 < len(purpose) < 120
        assert not re.search(r"\n|Return|[.;]$", purpose)


def test_one_cell_left_out_is_one_cell() -> None:
    lines = list(draw(channel()))
    assert "            ... 1 more cell" in lines


def test_tied_layers_share_a_box_and_many_cells_are_counted() -> None:
    lines = list(draw(vit()))
    assert "block 1  /1 -> [a=a=a] -> 224" in lines
    assert "            ... 13 more cells" in lines
    assert lines[-1] == "head     norm"
