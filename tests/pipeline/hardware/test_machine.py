"""The machine that runs this."""

from pathlib import Path

import pytest

from helixnas.pipeline.hardware import machine
from helixnas.pipeline.hardware.machine import Machine, free_memory, this_machine


def test_this_machine_has_a_core_and_memory() -> None:
    found = this_machine()
    assert found.num_cores >= 1
    assert found.working_memory > 2**20
    assert f"{found.num_cores} CPU core" in str(found)


def test_training_takes_the_memory_of_the_gpu_where_there_is_one() -> None:
    lent = Machine(num_cores=1, memory=2**30, gpu="H200", gpu_memory=2**33)
    assert lent.working_memory == 2**33
    assert str(lent) == "1 CPU core, 1 GiB free, H200 (8 GiB free)"


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/job/step", "job", ("memory.max", "memory.current")),
        ("5:memory:/job", "memory/job", ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    ],
)
def test_the_limit_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, folder: str, names: tuple[str, str]
) -> None:
    group = tmp_path / folder
    (group / "step").mkdir(parents=True)
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    monkeypatch.setattr(machine, "OWN_GROUPS", tmp_path / "own")
    unlimited = free_memory()
    (tmp_path / "own").write_text(f"12:cpu:/job\n{line}\n")
    assert free_memory() == pytest.approx(unlimited, rel=0.2)
    for name, text in zip((*names, "memory.stat"), ("5000", "4000", "anon 900\ninactive_file 300"), strict=True):
        (group / name).write_text(text)
    assert free_memory() == 1300
    (group / names[0]).write_text("max")
    assert free_memory() == pytest.approx(unlimited, rel=0.2)
