"""Reports: the facts of a command as JSON (design.md section 9 fixes the keys) and as tables for people."""
