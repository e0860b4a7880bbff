import pytest
import torch
from torch import nn

from helixnas.errors import TeacherError
from helixnas.teacher.trace import Recorder, listening, run_blank


def test_a_recorder_keeps_the_order_in_which_modules_finish() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 1)), nn.ReLU())
    recorder = Recorder()
    run_blank(model, ["1", "0", "0.0"], recorder, (1, 2, 2))
    assert list(recorder.outputs) == ["0.0", "0", "1"]
    assert recorder.runs == {"0.0": 1, "0": 1, "1": 1}


def test_a_recorder_notices_that_an_output_was_overwritten() -> None:
    for inplace in (False, True):
        recorder = Recorder()
        run_blank(nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=inplace)), ["0", "1"], recorder, (1, 2, 2))
        assert recorder.was_overwritten("0") is inplace
        assert not recorder.was_overwritten("1")


def test_a_blank_run_leaves_modes_and_averages_as_they_were() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    model[1].eval()
    run_blank(model, [], Recorder(), (1, 2, 2))
    assert [model.training, model[0].training, model[1].training] == [True, True, False]
    assert int(model[0].num_batches_tracked) == 0


def test_listeners_are_gone_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    heard: list[str] = []
    with pytest.raises(RuntimeError), listening(model, ["0"], lambda name, output: heard.append(name)):
        model(torch.zeros(1, 3))
    model(torch.zeros(1, 2))
    assert heard == []


def test_an_image_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(TeacherError, match=r"cannot take images of 4 x 6 pixels with 3 channels: .*expected input"):
        run_blank(nn.Conv2d(1, 1, 1), [], Recorder(), (3, 4, 6))
