"""A winner beside its peers as text: rows of a table and sentences, for the page and the terminal."""

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.peers.record import Peer, PeerComparison
from helixnas.report.elements.wording import count, listed, signed

DASH = "\u2013"

COLUMNS = ("network", "scaled", "accuracy", "difference to the winner", "parameters", "MACs", "latency")
"""Column titles; the last one is left out where latency was not measured."""


def columns_of(found: PeerComparison) -> tuple[str, ...]:
    """Return the column titles of a comparison."""
    return COLUMNS if found.latency else COLUMNS[:-1]


def cells_of(found: PeerComparison, peer: Peer) -> list[str]:
    """Return a row of the table as texts, in the order of `columns_of`."""
    name = f"{peer.name} ({peer.network})" if peer.kind == "teacher" else peer.name
    figures = [_percent(peer.accuracy), _points(peer.difference), count(peer.params), count(peer.macs)]
    latency = DASH if peer.latency_ns is None else f"{peer.latency_ns / 1e6:.3g} ms"
    return [name, peer.note or DASH, *figures, *([latency] if found.latency else [])]


def winner_verdict(found: PeerComparison) -> str:
    """Return in one sentence how the winner compares with its peers; empty before any is trained."""
    compared = [peer for peer in found.peers if peer.difference is not None]
    if not compared:
        return ""
    worse, better, alike = list[str](), list[str](), list[str]()
    for peer in compared:
        assert peer.difference is not None
        low, high = peer.difference.interval
        (worse if high < 0 else better if low > 0 else alike).append(peer.name)
    told = (("better than", worse), ("worse than", better), ("not distinguishable from", alike))
    parts = [f"{how} {listed(names)}" for how, names in told if names]
    return f"The winner of {found.search} is {listed(parts)} (95 % intervals of the difference)."


def conditions(found: PeerComparison) -> str:
    """Return in words how the networks were trained and what the intervals cover."""
    fit, size = found.settings["retrain"]["fit"], found.settings["image_size"]
    epochs = f"{fit['num_epochs']} epoch{'s' if fit['num_epochs'] != 1 else ''}"
    most = max((len(peer.right) for peer in found.peers), default=0)
    of_budget = "the winner's multiply-adds" if found.budget == "winner" else "the search's limit of multiply-adds"
    covers = (
        "cover the choice of these images and, estimated from all networks together, the variation between trainings"
        if most > 1
        else "cover the choice of these images, not the variation between trainings (--num-trainings 2 or more)"
    )
    return (
        f"All networks were trained from scratch for {epochs} on the same images at {size} pixels, with the same settings and "
        f"seeds, so accuracies are lower than after a full training. Models are scaled in width to {of_budget}, {found.macs:,}; "
        f"random networks are of the same space, within {100 * found.tolerance:g} % of it. Accuracies are of "
        f"{found.num_images:,} images that neither training nor the search has seen; the 95 % intervals {covers}."
    )


def latency_text(found: PeerComparison) -> str:
    """Return in words how latency was measured; empty where it was not."""
    if not found.latency:
        return ""
    how = found.latency
    threads = f"{how['num_threads']} threads" if how["num_threads"] else "its default number of threads"
    return (
        f"Latency: {how['latency']}, batch {how['batch_size']} at {found.settings['image_size']} pixels, {threads}, "
        f"whole networks, median of {how['num_rounds']} rounds."
    )


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return DASH
    digits = _digits(estimate)
    low, high = (f"{100 * end:.{digits}f}" for end in estimate.interval)
    return f"{100 * estimate.value:.{digits}f} % ({low} to {high})"


def _points(estimate: Estimate | None) -> str:
    """Return a difference in percentage points."""
    if estimate is None:
        return DASH
    value, low, high = (signed(100 * each, _digits(estimate)) for each in (estimate.value, *estimate.interval))
    return f"{'+' if estimate.value > 0 else ''}{value} ({low} to {high})"


def _digits(estimate: Estimate) -> int:
    """Return the decimals of a percentage that its interval leaves meaning."""
    low, high = estimate.interval
    return 1 if high - low > 0.005 else 2
