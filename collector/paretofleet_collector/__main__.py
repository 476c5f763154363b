"""`python -m paretofleet_collector` is the command `paretofleet`."""

from paretofleet_collector.cli import main

if __name__ == "__main__":
    main()
