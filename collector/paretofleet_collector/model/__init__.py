"""The collector's data: entities, messages, views; frozen, without behaviour."""
