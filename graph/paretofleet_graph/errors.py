"""The error of this distribution."""

TEXT_MAX = 600


class GraphRefused(Exception):
    """A file, a size or a value that makes no sense; its text is the sentence to show.

    Names in it come from a stranger's file: what a terminal would obey, and what is too long, is left out.
    """

    def __init__(self, text: str) -> None:
        plain = "".join(letter if letter.isprintable() else "?" for letter in text)
        super(GraphRefused, self).__init__(plain if len(plain) <= TEXT_MAX else plain[:TEXT_MAX] + "...")
