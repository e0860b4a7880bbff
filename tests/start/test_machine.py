"""The machine that runs this."""

from helixnas.start.machine import Machine, this_machine


def test_this_machine_has_a_core_and_memory() -> None:
    found = this_machine()
    assert found.num_cores >= 1
    assert found.working_memory > 2**20
    assert f"{found.num_cores} CPU core" in str(found)


def test_training_takes_the_memory_of_the_gpu_where_there_is_one() -> None:
    machine = Machine(num_cores=1, memory=2**30, gpu="H200", gpu_memory=2**33)
    assert machine.working_memory == 2**33
    assert str(machine) == "1 CPU core, 1 GiB free, H200 (8 GiB free)"
