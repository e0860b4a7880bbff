from helixnas.artifacts.agreement import Agreement, Estimate
from helixnas.artifacts.comparison import Compared, Comparison

FOUND = Agreement(0.5, (0.25, 0.75), 0.5, (0.25, 0.75), 0.5, (0.25, 0.75))


def compared(name: str, seed: int, epoch: float) -> Compared:
    return Compared(
        name=name, kind="baseline", seed=seed, epoch=epoch, agreement=FOUND, partial=Estimate(0.5, (0.25, 0.75))
    )


def test_curves_name_the_seed_where_a_method_has_several() -> None:
    rows = (compared("spos", 0, 1.0), compared("spos", 0, 2.0), compared("spos", 1, 1.0), compared("darts", 0, 1.0))
    curves = Comparison(networks=("4:a",), rows=rows).curves()
    assert {name: len(points) for name, points in curves.items()} == {"darts": 1, "spos seed 0": 2, "spos seed 1": 1}
