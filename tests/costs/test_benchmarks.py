"""Micro-benchmarks go to a device and its times come back; every bad row is one sentence with its line."""

import csv
from pathlib import Path

import pytest

from helixnas.costs import EMPTY, Input, benchmarks, export_benchmarks, parts, random_networks, read_timings
from helixnas.costs.benchmarks import COLUMNS
from helixnas.errors import ArtifactError, HelixError, SpaceError, UnknownNameError
from helixnas.space import SearchSpace


def fill(file: Path, space: SearchSpace, given: Input, **changes: str | None) -> Path:
    """Write a CSV with 0.5 ms everywhere; a change replaces the time of a part, or leaves its row out (None)."""
    lines = [",".join(COLUMNS)]
    for name in (EMPTY, *parts(space, given)):
        taken = changes.get(name.replace("-", "_"), "0.5")
        if taken is not None:
            lines.append(f"{name}.onnx,,2,8,{taken}")
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture
def file(tmp_path: Path, tiny: SearchSpace, given: Input) -> Path:
    return fill(tmp_path / "timings.csv", tiny, given)


def test_every_part_and_network_is_written_and_the_csv_last(
    tiny: SearchSpace, given: Input, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(module: object, images: object, path: Path) -> None:
        path.write_text("onnx")

    monkeypatch.setattr(benchmarks, "save_onnx", write)
    monkeypatch.setattr(benchmarks, "require_onnx", lambda purpose: None)
    networks = random_networks(tiny, 1, seed=0)
    written = list(export_benchmarks(tmp_path, tiny, given, networks, batch_size=2))
    names = [EMPTY, *parts(tiny, given), "network-01"]
    assert [path.name for path in written] == [*(f"{name}.onnx" for name in names), "timings.csv"]
    with written[-1].open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["file"] for row in rows] == [f"{name}.onnx" for name in names]
    assert rows[-1]["architecture"] == networks["network-01"].text
    assert {(row["batch_size"], row["image_size"], row["latency_ms"]) for row in rows} == {("2", "8", "")}


@pytest.mark.slow
def test_the_files_are_onnx(tiny: SearchSpace, given: Input, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    for path in export_benchmarks(tmp_path, tiny, given, {}, batch_size=1):
        if path.suffix == ".onnx":
            onnx.checker.check_model(onnx.load(path))


def test_times_come_back_in_nanoseconds_with_batch_and_image_size(file: Path, tiny: SearchSpace, given: Input) -> None:
    text = "12:mb2_k3,mb2_k3 12:mb2_k3"
    file.write_text(
        "\ufeff" + file.read_text() + f'network-01.onnx,"{text}",2,8, 1.5 \nnetwork-02.onnx,"{text}",2,8,\n'
    )
    timings = read_timings(file, tiny, num_classes=3)
    assert (timings.batch_size, timings.image_size) == (2, 8)
    assert timings.times == dict.fromkeys((EMPTY, *parts(tiny, given)), 500_000)
    assert timings.networks == {tiny.parse(text): 1_500_000}


@pytest.mark.parametrize("taken", ["", "fast", "0", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_told_with_its_line(tmp_path: Path, tiny: SearchSpace, given: Input, taken: str) -> None:
    file = fill(tmp_path / "t.csv", tiny, given, stem_3_8=taken)
    with pytest.raises(
        ArtifactError, match=f"t.csv, line 3: latency_ms of stem-3-8.onnx must be .* above 0, not '{taken}'"
    ):
        read_timings(file, tiny, num_classes=3)


def test_missing_rows_are_named(tmp_path: Path, tiny: SearchSpace, given: Input) -> None:
    left_out = dict.fromkeys(("empty", "stem_3_8", "mb2_k3_8_8_s1_8", "head_12_4"), None)
    file = fill(tmp_path / "t.csv", tiny, given, **left_out)
    with pytest.raises(ArtifactError, match=r"has no row for empty, stem-3-8, mb2_k3-8-8-s1-8 and 1 more; every part"):
        read_timings(file, tiny, num_classes=3)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (("stem-3-8.onnx", "stem-3-9.onnx"), UnknownNameError, "line 3: 'stem-3-9'; did you mean stem-3-8"),
        (("stem-3-8.onnx", "empty.onnx"), ArtifactError, "line 3: empty already has a row in line 2; keep one"),
        (
            ("stem-3-8.onnx,,2", "stem-3-8.onnx,,4"),
            ArtifactError,
            "line 3: batch_size must be the same positive integer",
        ),
        (("stem-3-8.onnx,,2,8,0.5", "stem-3-8.onnx,,2"), ArtifactError, "line 3: a row must have 5 values"),
        (("stem-3-8.onnx,", "stem-3-8.onnx,12:x"), HelixError, "unknown operation 'x'"),
        (("latency_ms", "ms"), ArtifactError, "lacks the column 'latency_ms'; its first line must be file,arch"),
    ],
)
def test_a_bad_row_is_one_sentence(
    file: Path, tiny: SearchSpace, change: tuple[str, str], kind: type[HelixError], message: str
) -> None:
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(kind, match=message):
        read_timings(file, tiny, num_classes=3)


def test_a_network_of_another_space_is_told(file: Path, tiny: SearchSpace) -> None:
    file.write_text(file.read_text() + "network-01.onnx,8:mb2_k3,2,8,1\n")
    with pytest.raises(SpaceError, match="has 2 blocks, but 1 paths were given"):
        read_timings(file, tiny, num_classes=3)


def test_a_file_that_is_missing_or_empty_is_told(tmp_path: Path, tiny: SearchSpace) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .*none.csv: there is no such file"):
        read_timings(tmp_path / "none.csv", tiny, num_classes=3)
    (tmp_path / "t.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(ArtifactError, match="has no rows; export the benchmarks with"):
        read_timings(tmp_path / "t.csv", tiny, num_classes=3)
