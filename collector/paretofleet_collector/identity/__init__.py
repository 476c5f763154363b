"""Who may speak to the collector: its authorities, tokens, and what each role may do. Pure, over rows."""
