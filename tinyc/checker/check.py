"""Certificate text -> Verdict: parse, replay, compare with the claims."""

from __future__ import annotations

from dataclasses import dataclass

from tinyc.checker.claims import verify_claims
from tinyc.checker.document import Certificate, parse
from tinyc.checker.replay import Trace, replay


@dataclass(frozen=True, slots=True)
class Verdict:
    """A certificate that holds: what was replayed, and `lower_bound` as the buffers give it."""

    certificate: Certificate
    trace: Trace
    lower_bound: int

    @property
    def bound_derived(self) -> bool:
        """Whether the claimed bound follows from the buffers that are of use at once, without trust in a solver.

        Which pairs may share bytes, and at what distance, is the word of the plan.
        """
        return self.lower_bound >= self.certificate.claims.lower_bound_bytes


def check(text: str) -> Verdict:
    """NotACertificate where it is none, PlanRefuted with the first thing that does not hold."""
    certificate = parse(text)
    trace = replay(certificate)
    return Verdict(certificate, trace, verify_claims(certificate, trace))
