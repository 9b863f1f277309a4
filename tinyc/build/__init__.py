"""SourceTree -> Firmware: compilers, linker scripts, images.

Decision: the model is compiled once and its objects go into every image.  Because: what the emulator proved is then what the board
runs.  Rejected: one build per image, which would have to argue that two compilations agree.
"""

from tinyc.build.build import Firmware, build
from tinyc.build.rooms import arena_banks
from tinyc.build.target import Target, Where
from tinyc.build.templates import harness_sources
from tinyc.build.tools import Tool

__all__ = ["Firmware", "Target", "Tool", "Where", "arena_banks", "build", "harness_sources"]
