"""One attempt at one run: its processes, warm-up, window, cool-down."""
