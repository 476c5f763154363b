"""Network files: what they say of themselves, the zoo, their variants."""
