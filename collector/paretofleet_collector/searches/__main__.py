"""Drives one search to its end: `python -m paretofleet_collector.searches ADDRESS SEARCH_ID [HELD]`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from paretofleet_collector import interpreter
from paretofleet_collector.errors import CollectorError, NotFound, Refused, Unreachable
from paretofleet_collector.model.searches import FAILED
from paretofleet_collector.searches.process import LOCK_FOLDER, driving, search_folder


def main(address: str, search_id: str, held: str = "") -> int:
    """Drives the search `search_id` of the collector at `address`; returns the exit code.

    `held`: the descriptor by which whoever started this holds the search; empty where nobody does.
    """
    interpreter.collect_seldom()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    from paretofleet_collector.rpc.search_client import SearchClient
    from paretofleet_collector.searches.driver import Driver, stored_search

    folder = search_folder(search_id)
    lock = os.environ.get(LOCK_FOLDER)
    try:
        with driving(folder, int(held) if held else None), SearchClient(address) as client:
            specification, devices = stored_search(client, search_id)
            try:
                Driver(
                    client, search_id, specification, devices, folder, Path(lock) if lock else None
                ).drive()
            except NotFound:
                raise
            except Refused as error:
                client.change_search(search_id, FAILED, str(error)[:900])
                return 1
            except Exception as error:
                logging.getLogger(__name__).exception("the driver failed")
                reason = f"its driver failed inside ({type(error).__name__}: {error})"
                client.change_search(search_id, FAILED, reason[:900])
                return 1
    except (CollectorError, Unreachable) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - a sentence, no traceback
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
