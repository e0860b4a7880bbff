"""What every path costs: parameters and multiply-adds."""

from helixnas.costs.measure import cost_table

__all__ = ["cost_table"]
