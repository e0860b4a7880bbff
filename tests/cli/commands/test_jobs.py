"""helixnas work, and the options that have others do it."""

from collections.abc import Callable

import pytest

from helixnas.cli import main


def test_a_job_that_is_done_says_so(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["work", run, "distill-2"]) == 0
    assert capsys.readouterr().out.startswith("distill-2: done (")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["work", "my run", "distil-2"], "unknown job 'distil-2'; did you mean distill-2"),
        (["work", "my run", "rate-1-cell-3"], "unknown job 'rate-1-cell-3'; did you mean rate-1-cell-"),
        (["work", "no run", "rate-1"], "no run in no run; start one with: helixnas run RECIPE --out no run"),
        (
            ["run", "tiny.yaml", "--executor", "k8s"],
            "--executor 'k8s' must be local:N (N processes of this machine), ray,",
        ),
        (["rate", "my run", "--by", "cell"], "--by is the size of a job, so it needs --executor, for example"),
        (["rate", "my run", "--by", "path"], "--by must be one of block, cell, prefix, not 'path'"),
        (
            ["distill", "my run", "--blocks", "1", "--executor", "local:1"],
            "--blocks trains blocks in this process, and",
        ),
    ],
)
def test_a_mistake_is_one_sentence(run: str, complaint: Callable[..., str], words: list[str], sentence: str) -> None:
    assert sentence in complaint(*words)
