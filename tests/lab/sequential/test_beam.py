from pathlib import Path

import pytest

from helixnas.errors import ArtifactError
from helixnas.pipeline.kept import load_kept


def test_what_another_stage_kept_is_none_of_this_one(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    assert load_kept(file, "mine") is None
    file.write_text('{"key": "mine", "blocks": [[{"paths": "8:mb3_k3", "score": 0.5}]]}')
    assert load_kept(file, "mine") == [[("8:mb3_k3", 0.5)]]
    assert load_kept(file, "other") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "mine", "blocks": [[{"paths": "8:mb3_k3"}]]}'])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"kept.json is truncated or damaged"):
        load_kept(tmp_path / "kept.json", "mine")
