"""How the site is built: Markdown pages, and the reference from the docstrings. Strict: a warning fails the build.

Everything that a page needs lies beside it, so the site works from a folder, without a server and without a network.
"""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

from sphinx.util import logging

import fakegpt_testkit
from fakegpt_testkit import effects, strategies
from fakegpt_testkit.fakegpt import stand_in

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "fakegpt-testkit"
release = version = installed_version(project)
language = "en"
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc"]

myst_heading_anchors = 3

default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"undoc-members": True, "show-inheritance": True}
add_module_names = False
python_maximum_signature_line_length = 100

nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(abc|aiohttp|collections|contextlib|datetime|enum|hypothesis|os|pathlib|re)\..*")]
UNNAMED = (
    "Path",
    "PathLike",
    "SearchStrategy",
    "TracebackType",
    "Written",
    "timedelta",
    "T",
    "tuple[Gap",
    "tuple[Moment",
)
nitpick_ignore = [("py:class", name) for name in UNNAMED]
"""Names of other libraries as annotations have them, where they are imported for the types only."""
nitpick_ignore.append(("py:class", "fakegpt_testkit.matching.comparison.VcrRequest"))  # vcrpy's request, as a protocol
nitpick_ignore.append(("py:class", "GivenBack"))  # a large file's bytes, as a protocol

html_theme = "furo"
html_title = project
html_show_copyright = False
html_show_search_summary = False  # it is fetched, which a browser does not do in a folder


def setup(app: Sphinx) -> None:
    """Let the build fail for a public name that has no entry in the reference."""
    app.connect("env-check-consistency", _check_names)


def _check_names(_: Sphinx, env: BuildEnvironment) -> None:
    documented = {name.rpartition(".")[2] for name in env.domains.python_domain.objects}
    for room in (fakegpt_testkit, effects, effects.faults, strategies, stand_in):
        for name in set(room.__all__) - documented:
            logging.getLogger(__name__).warning("%s.%s is not in the reference", room.__name__, name)
