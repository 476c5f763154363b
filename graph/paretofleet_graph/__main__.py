"""`python -m paretofleet_graph FILE`: what its graph asks for, as JSON."""

from paretofleet_graph.apart import main

if __name__ == "__main__":
    main()
