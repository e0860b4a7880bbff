import json

import numpy as np
import pytest

from helixnas.errors import ArtifactError
from helixnas.search import Budget, Certificate, Instance, InstanceBlock, certify, hash_instance, solve


def test_a_certificate_is_complete_and_readable(table_1):
    instance = table_1(0)
    budget = Budget(upper={"macs": int(0.8 * solve(instance, Budget()).best().costs["macs"])})
    certificate = certify(solve(instance, budget))
    values = json.loads(certificate.to_json())
    assert values["format"] == "helixnas-certificate"
    assert values["space_size"] == "195898498887057408"
    assert (values["status"], values["gap"], values["bound"]) == ("optimal", 0, values["score"])
    assert len(values["instance_hash"]) == 64
    assert values["upper"] == dict(budget.upper)
    removed = values["pruning"]
    assert removed["over_limit"] + removed["above_ceiling"] < sum(len(block) for block in instance.blocks)
    assert removed["num_partials"] > 0


def test_a_certificate_is_read_back_as_it_was_written(draw_instance, tmp_path):
    for seed in range(10):
        instance, budget = draw_instance(seed)
        certificate = certify(solve(instance, budget, num_best=3), weights=(0.5,))
        certificate.save(tmp_path / "certificate.json")
        assert Certificate.load(tmp_path / "certificate.json") == certificate


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "helixnas-certificate", "version": 2}', "{"])
def test_a_file_that_is_no_certificate_is_refused(tmp_path, text):
    (tmp_path / "certificate.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"certificate\.json is truncated or damaged"):
        Certificate.load(tmp_path / "certificate.json")


def test_a_certificate_of_nothing_holds_the_reason(draw_instance):
    instance, _ = draw_instance(3)
    certificate = certify(solve(instance, Budget(lower={"params": 2**59})))
    assert (certificate.status, certificate.score, certificate.architecture) == ("infeasible", None, ())
    assert certificate.reason.startswith("no architecture has params >=")


def test_hash_depends_on_every_number_and_on_no_order(draw_instance):
    rng = np.random.default_rng(0)
    for seed in range(30):
        instance, _ = draw_instance(seed)
        blocks = tuple(_shuffled(block, rng.permutation(len(block))) for block in instance.blocks)
        shuffled = Instance(blocks=blocks, resources=instance.resources, combine=instance.combine)
        assert hash_instance(shuffled) == hash_instance(instance)
        changed = _shuffled(blocks[0], np.arange(len(blocks[0])), score=1)
        other = Instance(blocks=(changed, *blocks[1:]), resources=instance.resources, combine=instance.combine)
        assert hash_instance(other) != hash_instance(instance)


def _shuffled(block: InstanceBlock, rows: np.ndarray, score: int = 0) -> InstanceBlock:
    return InstanceBlock(
        width_in=block.width_in[rows],
        width_out=block.width_out[rows],
        score=block.score[rows] + score,
        costs=block.costs[rows],
        order=block.order[rows],
        labels=[block.labels[row] for row in rows],
    )
