"""The text of a recipe: it is read as the proposal, and its comments say why."""

import re
from dataclasses import replace

import yaml

from helixnas.cli.settings import recipe_from_settings
from helixnas.start.proposal import Proposal
from helixnas.start.recipe_text import WIDTH, heading, recipe_text


def test_the_text_is_read_as_the_proposed_recipe(proposal: Proposal) -> None:
    text = recipe_text(proposal)
    assert recipe_from_settings(yaml.safe_load(text), where="the text") == proposal.recipe


def test_the_first_line_is_the_command_that_made_it(proposal: Proposal) -> None:
    text = recipe_text(proposal)
    assert text.startswith(heading(proposal.request))
    assert "helixnas init --teacher test_resnet" in text.splitlines()[0]


def test_a_program_is_not_told_to_use_a_command(proposal: Proposal) -> None:
    held = replace(proposal, request=replace(proposal.request, given=("teacher",)))
    first, second, *_ = recipe_text(held).splitlines()
    assert first.startswith("# Made by: helixnas.search_architecture(test_resnet, ")
    assert second.startswith("# The same call takes it as it is then. Estimated time on this machine")


def test_comments_say_what_was_found(proposal: Proposal) -> None:
    text = recipe_text(proposal)
    comments = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
    assert "150 images, 3 classes" in comments
    assert all(cut in re.sub(r"\s+", " ", comments) for cut in proposal.teacher.cuts)
    assert "where macs=60% is allowed" in comments
    lines = text.splitlines()[1:]
    assert max(map(len, (line for line in lines if line.startswith("#")))) <= WIDTH
    assert not any(line.endswith(" ") for line in lines)
