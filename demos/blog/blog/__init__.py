"""The blog's code.

application  settings and routes
handlers     the pages; accounts: those about users
page         what all pages have in common
modules      UI modules
store        the database
passwords    what is kept of passwords
texts        rules for what people write; pure
catalogs     translations
secret       the key that signs cookies
"""

from .application import Blog

__all__ = ["Blog"]
