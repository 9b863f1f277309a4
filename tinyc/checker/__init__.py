"""The independent checker: replays a certificate step by step and believes nothing that the planner says.

Decision: the shadow arena holds, for every byte, which byte of which tensor is there; a read is right when it finds what it needs.
Because: one comparison then covers order, overlap, rings, directions and placement, whatever a planner may think of next.  Rejected:
checking lifetimes and distances by the planner's own rules, which would repeat its mistakes.

It shares no code with the planner: the standard library and numpy are all that it uses.
"""

from tinyc.checker.check import Verdict, check

__all__ = ["Verdict", "check"]
