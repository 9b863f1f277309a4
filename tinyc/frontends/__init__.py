"""Read model files: the only code that meets bytes from outside, so every byte that matters is checked here.

Decision: the whole file is verified against the schema before the first accessor runs, and the model's faults are collected
before one error names them all.  Because: people want the list, not its first entry.  Rejected: a net of except clauses.
"""
