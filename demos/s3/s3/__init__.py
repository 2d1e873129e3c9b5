"""A store with the interface of S3; the README says what is where."""

from .application import S3Application

__all__ = ["S3Application"]
