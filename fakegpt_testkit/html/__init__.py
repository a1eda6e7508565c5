"""One self-contained HTML page of a cassette: its timelines drawn, its events to be searched; and one of a server.

Knows no file and needs no server: values in, a text out. Whatever comes from a cassette is escaped, and the page allows
no script but its own and nothing from elsewhere.
"""

from fakegpt_testkit.html.overview import Asking, Section, overview
from fakegpt_testkit.html.page import page

__all__ = ["Asking", "Section", "overview", "page"]
