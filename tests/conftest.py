"""What all tests share: where models and tools are, and the rule that nothing is skipped in CI.

A test that needs the cross compiler, the emulator or a model collection that is not there is skipped with its reason; where CI is set in
the environment every skip fails the run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODELS = Path(os.environ.get("TINYC_MODELS", ROOT.parent / "shared" / "models"))
DIGITS = ROOT / "examples" / "digits" / "digits.tflite"
COMPILING_FOLDERS = ("kernels", "run")
ARM_TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one flag that writes down what the golden tests compare with."""
    parser.addoption("--refresh-golden", action="store_true", help="write the golden files of tests/emit anew")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def digits() -> Path:
    """The example model: small, int8, trained on handwritten digits."""
    return DIGITS


@pytest.fixture(scope="session")
def models() -> Path:
    """The collection of public models (TINYC_MODELS, or shared/models beside the checkout)."""
    if not MODELS.is_dir():
        pytest.skip("no model collection: set TINYC_MODELS to its folder")
    return MODELS


@pytest.fixture(scope="session")
def arm_tools() -> None:
    """Skips where the cross compiler or the emulator is missing."""
    missing = [tool for tool in ARM_TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: run make setup")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes the fixture `arm_tools`, or compiles C for this computer, is in the tier that needs tools."""
    for item in items:
        if "arm_tools" in getattr(item, "fixturenames", ()) or item.path.parent.name in COMPILING_FOLDERS:
            item.add_marker(pytest.mark.tools)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: there every tool and model is at hand."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so: pytest's own summary lists the skipped tests but calls the run passed."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI"):
        terminalreporter.section("skipped in CI, where nothing may be", red=True)
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2]}")
