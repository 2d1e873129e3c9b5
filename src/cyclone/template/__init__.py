"""Templates: Tornado's language, compiled to Python::

    from cyclone.template import Loader, Template

    print(Template("Hello, {{ name }}!").generate(name="<world>"))   # b"Hello, &lt;world&gt;!"
    print(Loader("/path/to/templates").load("page.html").generate(rows=[1, 2, 3]))

The language is described in docs/templates.md.  The rooms behind this face::

    parser        from text to parts (nodes); pure (whitespace: what is kept of it)
    codegen       from parts to Python; puts extends, blocks and includes together
    runtime       what that Python uses: escaping, waiting
    compiled      Template
    loader        Loader, DictLoader
    tracebacks    tracebacks that lead through templates
    babel         finds the texts to be translated, for pybabel
    errors        what can be wrong
"""

from .compiled import Template
from .errors import CodeError, ParseError, TemplateError
from .loader import BaseLoader, DictLoader, Loader
from .runtime import Rendering
from .whitespace import filter_whitespace

__all__ = [
    "BaseLoader",
    "CodeError",
    "DictLoader",
    "Loader",
    "ParseError",
    "Rendering",
    "Template",
    "TemplateError",
    "filter_whitespace",
]
