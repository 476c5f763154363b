from __future__ import annotations

from reference import write_pages

write_pages()
