"""`python -m paretofleet_agent.main`."""

from __future__ import annotations

import sys

from paretofleet_agent.main import main

if __name__ == "__main__":
    sys.exit(main())
