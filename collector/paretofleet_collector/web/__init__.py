"""The live page: what runs, what waits and why, what has failed; over the service, without own logic."""
