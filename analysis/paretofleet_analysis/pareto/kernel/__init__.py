"""The exact kernel: C where it is built, NumPy elsewhere, to the same bit."""
