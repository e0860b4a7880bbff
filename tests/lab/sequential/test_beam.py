from pathlib import Path

import pytest

from helixnas.errors import ArtifactError
from helixnas.lab.sequential import ScoredPrefix, load_beams, save_beams
from helixnas.lab.sequential.beam import best_by_width, extensions
from helixnas.supernet import Supernet


def test_a_file_of_another_key_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    assert load_beams(file, "mine") is None
    file.write_text('{"key": "mine", "blocks": [[{"paths": "8:mb3_k3", "score": 0.5}]]}')
    assert load_beams(file, "mine") == [[("8:mb3_k3", 0.5)]]
    assert load_beams(file, "other") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "mine", "blocks": [[{"paths": "8:mb3_k3"}]]}'])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"kept.json is truncated or damaged"):
        load_beams(tmp_path / "kept.json", "mine")


def test_saved_beams_are_read_back_as_text_and_score(supernet: Supernet, tmp_path: Path) -> None:
    firsts = extensions([()], supernet.block(1))
    pairs = extensions(firsts[:1], supernet.block(2))
    beams = [(ScoredPrefix(firsts[0], 0.25), ScoredPrefix(firsts[-1], 0.5)), (ScoredPrefix(pairs[1], 0.75),)]
    save_beams(beams, tmp_path / "kept.json", "mine")
    assert load_beams(tmp_path / "kept.json", "mine") == [
        [("4:mb2_k3,mb2_k3", 0.25), ("6:mb2_k5", 0.5)],
        [("4:mb2_k3,mb2_k3 8:mb2_k3,mb2_k5", 0.75)],
    ]


def test_extensions_are_ordered_by_prefix_then_cell_then_path(supernet: Supernet) -> None:
    first, *_, last = extensions([()], supernet.block(1))
    paths = [path for cell in supernet.block(2) for path in cell.cell.paths()]
    assert extensions([first, last], supernet.block(2)) == [
        (*prefix, path) for prefix in (first, last) for path in paths
    ]


def test_ties_are_kept_in_the_order_of_the_candidates(supernet: Supernet) -> None:
    candidates = extensions([()], supernet.block(1))
    assert [prefix[-1].width for prefix in candidates] == [4, 4, 4, 4, 6, 6]
    beam = best_by_width(candidates, [0.5] * 6, 2)
    assert [each.prefix for each in beam] == [candidates[i] for i in (0, 1, 4, 5)]
