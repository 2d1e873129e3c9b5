"""Services to log in with, made up; the README says what is where."""

from .dropbox import Dropbox
from .facebook import Facebook
from .github import GitHub
from .openid import OpenIDProvider

__all__ = ["Dropbox", "Facebook", "GitHub", "OpenIDProvider"]
