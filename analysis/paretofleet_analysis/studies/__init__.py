"""Questions that the papers behind this project asked, put to measurements of one's own."""
