"""The program that trains, in an interpreter that has torch; it needs nothing else of this package."""
