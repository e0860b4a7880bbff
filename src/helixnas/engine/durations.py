"""Durations as text; free of torch, so that pages and tables of finished runs can use it."""


def duration(seconds: int | float) -> str:
    """Return a duration in the unit that suits it.

    >>> duration(0.25), duration(90), duration(7200)
    ('0.25 s', '1 min 30 s', '2 h 0 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
