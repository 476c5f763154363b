"""Writes the pages and pictures; with --check says which are stale, and fails."""

from __future__ import annotations

import sys

from reference import stale, write_pages, write_photographs, write_pictures

if "--check" in sys.argv[1:]:
    old = stale()
    sys.exit(f"stale, run `make docs`: {', '.join(old)}" if old else 0)
write_pages()
write_pictures()
for reason in write_photographs():
    sys.stderr.write(f"{reason}\n")
