"""The bench: public models and single layers, measured live, beside what other tools reach; exact counts are recorded and held to.

Decision: the record and the tables are made from one `Results`.  Because: the README shows the record, and a bench shows the same tables of
what it has just measured.  Rejected: a second format for the page.
"""

from tinyc.bench.bench import Bench, run_bench
from tinyc.bench.calibrate import check_calibration, refitted, write_calibration
from tinyc.bench.page import check_page, markdown, write_page
from tinyc.bench.peers import Peers, read_peers
from tinyc.bench.record import changes, read_record, write_record
from tinyc.bench.results import Results, to_document
from tinyc.bench.tables import bench_tables, calibration_tables, change_tables, prediction_tables, profile_tables

__all__ = [
    "Bench",
    "Peers",
    "Results",
    "bench_tables",
    "calibration_tables",
    "change_tables",
    "changes",
    "check_calibration",
    "check_page",
    "markdown",
    "prediction_tables",
    "profile_tables",
    "read_peers",
    "read_record",
    "refitted",
    "run_bench",
    "to_document",
    "write_calibration",
    "write_page",
    "write_record",
]
