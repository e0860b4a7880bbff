import pytest

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search import Budget


def test_a_budget_reads_as_a_person_would_write_it():
    budget = Budget(upper={"macs": 350_000_000}, lower={"macs": 1, "params": 2})
    assert budget.text == "macs <= 350,000,000 and macs >= 1 and params >= 2"
    assert budget.names == ("macs", "params")
    assert Budget().text == "no limits"


def test_equal_budgets_are_equal_and_hash_alike():
    assert Budget(upper={"a": 1, "b": 2}) == Budget(upper={"b": 2, "a": 1})
    assert hash(Budget(upper={"a": 1, "b": 2})) == hash(Budget(upper={"b": 2, "a": 1}))


def test_a_budget_does_not_change_with_the_mapping_it_was_made_from():
    limits = {"macs": 5}
    budget = Budget(upper=limits)
    limits["macs"] = 6
    assert budget.upper["macs"] == 5


def test_limits_must_be_whole_numbers_of_at_least_0():
    with pytest.raises(ConfigError, match="the lower limit of 'macs' must be at least 0, not -1"):
        Budget(lower={"macs": -1})
    with pytest.raises(ConfigError, match="the upper limit of 'macs' must be a whole number, not True"):
        Budget(upper={"macs": True})


def test_an_unknown_resource_is_named_with_its_nearest():
    with pytest.raises(UnknownNameError, match="unknown resource 'param'; did you mean params"):
        Budget(upper={"param": 1}).check(["macs", "params"])
