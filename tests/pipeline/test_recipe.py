"""A network of the searched space as the teacher: what it is built as, what its training depends on, a run with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.plan import teacher_training_key
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.proxies.config import NEED_LABELS, ProxiesConfig
from helixnas.search.config import SearchConfig
from helixnas.settings import build
from helixnas.space import load_space
from helixnas.teacher import TeacherConfig, load_teacher


def largest(recipe: Recipe) -> str:
    """Return the text of the network with the last path of every block: the deepest, of the largest operations."""
    space = load_space(recipe.space)
    return space.architecture(tuple(list(block.paths())[-1] for block in space.blocks)).text


def taught_by(recipe: Recipe, network: str) -> Recipe:
    return replace(recipe, teacher=TeacherConfig(network=network))


def test_a_teacher_from_elsewhere_is_built_as_its_settings_say(tiny: Recipe) -> None:
    assert tiny.built_teacher is tiny.teacher


def test_a_network_of_the_space_is_cut_behind_the_blocks_of_the_space(tiny: Recipe) -> None:
    network = largest(tiny)
    recipe = taught_by(tiny, network)
    drawn = sketch(recipe)
    assert drawn.teacher.boundaries == tuple(f"blocks.{number}" for number in range(len(drawn.space.blocks)))
    assert drawn.teacher.widths == tuple(path.width for path in drawn.space.parse(network).paths)


def test_a_network_that_the_space_does_not_hold_is_an_error(tiny: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"teacher\.network is no network of space 'tiny': .*blocks, but 1 paths"):
        _ = taught_by(tiny, largest(tiny).split()[0]).built_teacher
    with pytest.raises(ConfigError, match="teacher.network is no network of space 'tiny': unknown operation 'mb9_k9'"):
        _ = taught_by(tiny, largest(tiny).replace("mb", "mb9_k9,mb", 1)).built_teacher


@pytest.mark.parametrize("section", ["calibration", "retrain"])
def test_weights_that_a_widening_supernet_cannot_give_are_refused(tiny: Recipe, section: str) -> None:
    assert tiny.retrain is not None
    widening = replace(tiny, supernet=replace(tiny.supernet, interface="widen"))
    inheriting = {
        "calibration": replace(tiny.calibration, num_networks=4, init="inherited"),
        "retrain": replace(tiny.retrain, init="inherited"),
    }[section]
    with pytest.raises(ConfigError, match=f"supernet.interface=adapter: .*; set {section}.init to scratch"):
        replace(widening, **{section: inheriting})


def test_the_training_of_a_teacher_depends_on_the_space_where_it_is_a_network_of_it(tiny: Recipe) -> None:
    def keys(recipe: Recipe) -> tuple[str, str]:
        return tuple(teacher_training_key(replace(recipe, space=space).to_dict()) for space in ("macro", "mbconv"))  # pyright: ignore[reportReturnType]

    same, other = keys(tiny)
    assert same == other
    same, other = keys(taught_by(tiny, "any"))
    assert same != other


@pytest.mark.slow
def test_a_run_taught_by_a_network_of_the_space_trains_cuts_and_rates(tiny: Recipe, tmp_path: Path, listener) -> None:
    recipe, folder = taught_by(tiny, largest(tiny)), RunFolder(tmp_path)
    record = run_recipe(recipe, folder, listener, until="rate")
    assert record.stages["teacher"].facts["model"] == recipe.teacher.network
    assert load_teacher(folder.teacher).widths == tuple(
        path.width for path in load_space(recipe.space).parse(recipe.teacher.network).paths
    )
    assert record.stages["rate"].missing(folder.path) is None
    listener.said.clear()
    run_recipe(recipe, folder, listener, until="rate")
    assert all("done already" in said for said in listener.said if "report" not in said)


def test_searches_add_up_the_recipes_scores_unless_they_name_their_own(tiny: Recipe) -> None:
    searches = {"all": SearchConfig(), "own": SearchConfig(scores=("relative_l1",))}
    recipe = replace(tiny, scores=("task_kl", "relative_l1"), searches=searches)
    assert recipe.searches["all"].scores == ("task_kl", "relative_l1")
    assert recipe.searches["own"].scores == ("relative_l1",)
    with pytest.raises(ConfigError, match="the recipe adds up the score naswot, but proxies.num_networks is 0"):
        replace(tiny, scores=("naswot",), searches={})


@pytest.mark.parametrize("name", NEED_LABELS)
def test_proxies_that_need_labels_are_refused_where_labels_may_not_be_read(tiny: Recipe, name: str) -> None:
    proxies = ProxiesConfig(num_networks=4, scores=("naswot", name))
    unlabelled = replace(tiny, data=replace(tiny.data, labels=False), retrain=None)
    sentence = f"proxies.scores names {name}, which needs labels, but data.labels is false; choose of naswot, synflow, num_layers"
    with pytest.raises(ConfigError, match=sentence):
        replace(unlabelled, proxies=proxies)
    assert replace(tiny, proxies=proxies).proxies == proxies
    assert replace(unlabelled, proxies=replace(proxies, num_networks=0)).proxies.num_networks == 0
    assert replace(unlabelled, proxies=replace(proxies, scores=("synflow",))).proxies.num_networks == 4


@pytest.mark.parametrize("option", ["max", "min"])
def test_an_unknown_resource_of_a_search_is_found_in_the_recipe(tiny: Recipe, option: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"^unknown resource in searches\.a\.{option} 'mac'; did you mean macs"):
        replace(tiny, searches={"a": build(SearchConfig, {option: {"mac": 3}}, where="a")})
    replace(tiny, searches={"a": SearchConfig(max={"activation_bytes": "50%", "latency_ms": 2})})
