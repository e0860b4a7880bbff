"""Studies on the command line: every shipped one as a plan, a tiny one end to end, mistakes."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from helixnas.artifacts.study import Study
from helixnas.cli import main
from helixnas.cli.shipped import shipped_recipes
from helixnas.space import Architecture, load_space

Complaint = Callable[..., str]

TWO = """
description: Two ways.
axis: rating batch
base: tiny.yaml
settings: {retrain: null}
feature_maps: true
variants:
  30: {rating.batch_size: 30}
  20: {rating.batch_size: 20}
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_recipes("study"))
def test_every_shipped_study_dry_runs_without_data(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.data.open_data", None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["study", name, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"variants, in studies/{name}/variants" in said
    assert re.search(r"\d epochs? of batch", " ".join(said.split()))
    assert max(map(len, said.splitlines())) <= 80
    assert not list(tmp_path.iterdir())


def test_the_study_of_blocks_is_taught_by_the_network_that_teaches_its_base() -> None:
    study = yaml.safe_load(shipped_recipes("study")["blocks-cifar10"].read_text())
    base = yaml.safe_load(shipped_recipes()[study["base"]].read_text())
    named = load_space(base["space"]).parse(base["teacher"]["network"])
    assert Architecture.from_dict(study["settings"]["teacher.model_args"]["arch"]) == named


@pytest.mark.slow
def test_a_study_leaves_runs_a_table_and_a_figure_and_is_not_done_twice(
    tiny: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    Path("two.yaml").write_text(TWO)
    assert main(["bench", "build", "--recipe", tiny, "--num-networks", "3", "--quiet", "--out", "mine.json"]) == 0
    words = ["study", "two.yaml", "--bench", "mine.json", "--seed", "3"]
    assert main([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith(
        "    to do: rate, stitch, search:small\n    reused: teacher from 30, costs from 30, distill from 30\n"
    )
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "distill: reused from studies/two/variants/30" in said
    assert "figures: studies/two/study.json" in said
    found = Study.load(Path("studies/two/study.json"))
    assert [row.label for row in found.rows] == ["30", "20"]
    assert all(row.stitched is not None and row.trained is not None and row.picked is not None for row in found.rows)
    assert (found.benchmark, found.base, found.axis) == ("mine", "tiny", "rating batch")
    page = Path("studies/two/study.html").read_text()
    assert "chart-study" in page
    assert page.count("Feature maps of block") == 4
    stages = json.loads(Path("studies/two/variants/20/record.json").read_text())["stages"]
    assert stages["rate"]["settings"]["rating"]["batch_size"] == 20
    assert main(["status", "studies/two/variants/20"]) == 0
    before = Path("studies/two/study.json").read_text()
    assert main([*words, "--quiet"]) == 0
    assert Path("studies/two/study.json").read_text() == before


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("{base: tiny.yaml, variants: {a: {}, b: {distil.lr: 1}}}", [], "two.yaml, variant b: unknown option --distil.lr"),
        ("{base: tiny.yaml, variants: {a: {}, b: {distill.lr: x}}}", [], "variant b: .*distill.lr must be a number"),
        ("{base: tiny.yaml, variants: {a: {}}}", [], "two.yaml needs at least two variants"),
        ("{base: tiny.yaml, variants: {a: {}, b: 3}}", [], "variant b of the study two.yaml must be settings"),
        ("{base: tiny.yaml, variants: {a: {}, a/b: {}}}", [], "has a variant 'a/b'; it names a folder"),
        ("{variants: {a: {}, b: {}}}", [], "two.yaml must name a recipe in base, not None"),
        ("{base: digts, variants: {a: {}, b: {}}}", [], "unknown recipe 'digts'; did you mean digits"),
        ("{base: tiny.yaml, variant: {}}", [], "unknown field of the study two.yaml: 'variant'; did you mean variants"),
        ("{base: tiny.yaml, variants: {a: {}, a: {seed: 1}}}", [], "two.yaml is not YAML: 'a' is given twice"),
        ("{base: tiny.yaml, variants: {A: {}, a: {}}}", [], "has variants 'A' and 'a', which may be the same folder"),
        ("{base: tiny.yaml, variants: {a: {}, null: {}}}", [], "has a variant 'None'; it names a folder"),
        ("{base: tiny.yaml, variants: {a: {}, b: {distill: {lr: 1}}}}", [],
         "variant b of the study two.yaml sets all of distill, .* as in distill.lr: 1$"),
        ("{base: tiny.yaml, variants: {a: {}, b: {distill.lr: 2026-01-01}}}", [], "variant b: .*distill.lr must be a number"),
        ("{base: tiny.yaml, variants: {a: {}, b: {distill: {lr: 2026-01-01}}}}", [], "as in distill.lr: .2026-01-01"),
        ("{base: tiny.yaml, variants: {a: {}, b: {seed: -1}}}", [], "variant b: --seed must be at least 0 and below"),
        ("{base: tiny.yaml, ordered: maybe, variants: {a: {}, b: {}}}", [], "ordered of the study .* must be true or false"),
        ("{base: tiny.yaml, axis: {a: 1}, variants: {a: {}, b: {}}}", [], "axis of the study two.yaml must be a text, not"),
        ("[]", [], "the study two.yaml must hold the fields base and variants, not list"),
        (TWO, ["--rating.batch_size=10"], "--rating.batch_size has no effect: every variant of the study two.yaml sets"),
        (TWO, ["--rating.batch-size", "10"], "--rating.batch-size has no effect: every variant of the study two.yaml sets"),
        (TWO, ["--base", "digts"], "unknown recipe 'digts'"),
        (TWO, ["--distil.lr", "1"], "unknown option --distil.lr"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_study_is_one_sentence(
    tiny: str, complaint: Complaint, text: str, words: list[str], message: str
) -> None:
    Path("two.yaml").write_text(text)
    assert re.search(message, complaint("study", "two.yaml", *words))
    assert not Path("studies").exists()


def test_a_base_that_is_a_file_lies_beside_the_study(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("mine")
    folder.mkdir()
    Path(tiny).rename(folder / "base.yaml")
    (folder / "two.yaml").write_text(TWO.replace("tiny.yaml", "base.yaml"))
    assert main(["study", "mine/two.yaml", "--dry-run"]) == 0
    assert "two: Two ways. Base: base." in capsys.readouterr().out


@pytest.mark.slow
def test_a_benchmark_of_other_networks_is_refused_before_anything_is_made(tiny: str, complaint: Complaint) -> None:
    assert main(["bench", "build", "--recipe", tiny, "--num-networks", "3", "--quiet", "--out", "mine.json"]) == 0
    Path("two.yaml").write_text("{base: tiny.yaml, variants: {a: {}, b: {space.cells: [[[1, 8]], [[2, 16]]]}}}")
    said = complaint("study", "two.yaml", "--bench", "mine.json")
    assert said.startswith("variant b cannot be ranked: ")
    assert "are not in the run's space" in said
    assert not Path("studies").exists()


def test_an_unknown_study_names_the_nearest(complaint: Complaint) -> None:
    assert complaint("study", "seed") == "unknown study 'seed'; did you mean seeds?"
