"""Fill in the templates in `templates/`: Markdown whose form is fixed."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=StrictUndefined,
    trim_blocks=True,  # a line that is only a tag leaves no line
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values) -> str:
    """The text of a template, with these values in it."""
    return ENVIRONMENT.get_template(template).render(values)
