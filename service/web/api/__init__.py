"""The JSON API: bearer tokens, problem+json, described by what runs."""

from service.web.api import calls as _calls
from service.web.api import describe as _describe
from service.web.api.frame import blueprint

__all__ = ["_calls", "_describe", "blueprint"]
