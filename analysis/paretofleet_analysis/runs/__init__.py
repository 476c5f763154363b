"""One run's samples to its summary: times, power, energy, their uncertainty."""
