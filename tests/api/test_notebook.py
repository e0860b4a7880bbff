"""The notebook of the documentation runs from its first cell to its last."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's packages, in this process
def test_the_notebook_runs_on_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    notebook = nbformat.read(ROOT / "docs/notebooks/digits.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # figures have their home in benchmarks/results
    nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    results = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result"
    ]
    assert float(results[-3]) <= 0.35
    assert results[-2:] == ["10", "PosixPath('report.html')"]
    assert (tmp_path / "report.html").is_file()
