"""Rankings, explanations and timing as text for a terminal."""
