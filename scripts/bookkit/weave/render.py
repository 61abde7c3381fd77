"""Fill in the templates beside this module: pages whose form is fixed."""

import functools
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")


@functools.cache
def environment():
    """Jinja, for Markdown: a line that is only a tag leaves no line."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **values) -> str:
    """The text of a template, with these values in it."""
    return environment().get_template(template).render(values)
