"""Rankings as pictures, for pages and papers and for a terminal; their libraries are extras."""
