"""finetune on the command line, and its mistakes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helixnas.cli import main

QUICK = ["--image-size", "16", "--num-epochs", "1", "--num-threads", "1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_model_is_tuned_and_then_validated_from_its_folder(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["finetune", "test_efficientnet", "--weights", "none", "--data", "digits", *QUICK]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "on 359 images that training has not seen" in said
    assert "written: finetuned/test_efficientnet-digits (helixnas validate finetuned/test_efficientnet-digits" in said
    assert main(words) == 0
    assert "finetuned/test_efficientnet-digits: done already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "fine-tuning needs images: --data with a folder, a tar or the name of a data set"),
        (["--data", "digits", "--recipe", "smal"], "unknown fine-tuning recipe 'smal'; did you mean small"),
        (["--data", "nowhere"], "nowhere"),
        (
            ["--data", "digits", "--microbatch-size", "48"],
            "microbatch_size must divide batch_size (64) or be 0, not 48",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    complaint: Callable[..., str], tmp_path: Path, words: list[str], sentence: str
) -> None:
    assert sentence in complaint("finetune", "test_efficientnet", "--weights", "none", *QUICK, *words)
    assert not list(tmp_path.iterdir())
