"""An architecture search with the fleet in the loop, beside the command that started it.

The user's own code builds and trains candidates, in processes of their own; the fleet measures them.
"""
