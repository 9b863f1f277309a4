"""Reports: the facts of a command as JSON (design.md section 9 fixes the keys) and as tables for people.

Decision: tables are made from the JSON document where both say the same.  Because: two derivations of one figure would part.  Rejected:
tables straight from the program, and JSON beside them.
"""

from tinyc.report.document import json_text, to_json
from tinyc.report.inputs import Inputs, read_inputs
from tinyc.report.predictions import Prediction, predictions
from tinyc.report.report import Analysis, Check, Model, Report, Seconds
from tinyc.report.tables import (
    analysis_tables,
    boards_table,
    difference,
    ops_table,
    plain_text,
    report_tables,
    source_table,
    tools_report,
    verdict_table,
)

__all__ = [
    "Analysis",
    "Check",
    "Inputs",
    "Model",
    "Prediction",
    "Report",
    "Seconds",
    "analysis_tables",
    "boards_table",
    "difference",
    "json_text",
    "ops_table",
    "plain_text",
    "predictions",
    "read_inputs",
    "report_tables",
    "source_table",
    "to_json",
    "tools_report",
    "verdict_table",
]
