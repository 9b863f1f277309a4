"""A Program becomes C text: a pure map from paths to contents, printed by templates that read as C."""

from tinyc.emit.emit import SourceTree, emit

__all__ = ["SourceTree", "emit"]
