"""From a report to a ranking with probabilities, verdicts and evidence."""
