"""Small trainings as example recipes: what is learnt, and the process with torch that learns it."""
