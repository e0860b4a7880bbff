"""Searches of a run that exists: under a name of their own, or those of its recipe."""

import numpy as np
import pytest

from helixnas.artifacts import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.work.search import CERTIFICATE, load_search
from helixnas.search import Certificate
from helixnas.search.config import SearchConfig


def test_limits_name_a_search_and_are_read_back(copy: RunFolder) -> None:
    limits = SearchConfig(max={"macs": "80%"}, min={"params": 100}, weights=(1.0, 0.5), front=("macs", "params"))
    ((name, _),) = search_run(copy, None, limits)
    assert name == "max-macs-80pct-min-params-100-weights-1.0-0.5-front-macs-params"
    assert load_search(copy, name) == limits
    assert load_search(copy, "none") is None


def test_new_limits_add_up_the_recipes_scores_unless_they_name_others(copy: RunFolder) -> None:
    settings = copy.load_settings()
    copy.save_settings({**settings, "scores": ["task_kl", "relative_l1"]})
    ((name, outcome),) = search_run(copy, None, SearchConfig(max={"macs": "80%"}))
    assert name == "max-macs-80pct"
    assert [*outcome.scores] == ["task_kl", "relative_l1"]
    ((_, other),) = search_run(copy, None, SearchConfig(max={"macs": "80%"}, scores=("relative_l1",)))
    assert [*other.scores] == ["relative_l1"]


def test_a_search_beside_the_recipe_is_made_again_by_its_name_alone(copy: RunFolder) -> None:
    search_run(copy, "mine", SearchConfig(max={"macs": "150%"}))
    before = Certificate.load(copy.search("mine") / CERTIFICATE)
    table = RatingTable.load(copy.rating(1))
    scores = {name: values + np.arange(len(table))[:, None] for name, values in table.scores.items()}
    RatingTable(**{**vars(table), "scores": scores}).save(copy.rating(1))
    ((name, outcome),) = search_run(copy, "mine", None)
    after = Certificate.load(copy.search(name) / CERTIFICATE)
    assert after.instance_hash != before.instance_hash
    assert after.score == outcome.result.best().score


def test_a_name_stands_for_one_set_of_limits(copy: RunFolder) -> None:
    search_run(copy, "mine", SearchConfig(max={"macs": "150%"}))
    with pytest.raises(ConfigError, match="mine holds a search with other limits; choose another --name"):
        search_run(copy, "mine", SearchConfig(max={"macs": "140%"}))
    with pytest.raises(UnknownNameError, match="unknown search 'min'; did you mean mine"):
        search_run(copy, "min", None)


def test_settings_out_of_range_and_a_damaged_search_are_told(copy: RunFolder) -> None:
    with pytest.raises(ConfigError, match=r"time_limit_s must be at least 0, not -1\.0"):
        SearchConfig(time_limit_s=-1.0)
    with pytest.raises(ConfigError, match="'x' is not an amount"):
        SearchConfig(resolution={"macs": "x"})
    (copy.search("small") / "result.json").write_text('{"max": 3}')
    with pytest.raises(ArtifactError, match="is truncated or damaged"):
        load_search(copy, "small")


@pytest.mark.parametrize(("amount", "name"), [("1.5 M", "max-macs-1.5M"), ("1e+6", "max-macs-1e6")])
def test_however_an_amount_is_written_a_search_has_a_name(copy: RunFolder, amount: str, name: str) -> None:
    ((found, _),) = search_run(copy, None, SearchConfig(max={"macs": amount}))
    assert found == name
