"""Kernel choice, layout, schedule and placement: one decision, taken here.

Decision: buffers are related in pairs (disjoint, or overlapping by a distance that the row rules give), and placement decides all pairs at
once.  Because: in-place operators, overlap in either direction and plain reuse are then one mechanism.  Rejected: a separate in-place pass,
which decides before sizes are known.
"""

from tinyc.plan.banks import Bank, place_in_banks
from tinyc.plan.plan import Direction, Group, Mode, Plan, judged, make_front, make_plan
from tinyc.plan.step import Step
from tinyc.plan.views import View

__all__ = [
    "Bank",
    "Direction",
    "Group",
    "Mode",
    "Plan",
    "Step",
    "View",
    "judged",
    "make_front",
    "make_plan",
    "place_in_banks",
]
