"""The JSON API: bearer tokens, problem+json, described by what runs."""

from service.web.api import agreements as _agreements
from service.web.api import arc as _arc
from service.web.api import dates as _dates
from service.web.api import describe as _describe
from service.web.api import followup as _followup
from service.web.api import goals as _goals
from service.web.api import journal as _journal
from service.web.api import meetings as _meetings
from service.web.api import notes as _notes
from service.web.api import people as _people
from service.web.api import preparing as _preparing
from service.web.api import primer as _primer
from service.web.api import programme as _programme
from service.web.api import proposals as _proposals
from service.web.api import pulse as _pulse
from service.web.api import rhythm as _rhythm
from service.web.api.frame import PREFIX, blueprint, http_problem, problem

__all__ = [
    "PREFIX",
    "_agreements",
    "_arc",
    "_dates",
    "_describe",
    "_followup",
    "_goals",
    "_journal",
    "_meetings",
    "_notes",
    "_people",
    "_preparing",
    "_primer",
    "_programme",
    "_proposals",
    "_pulse",
    "_rhythm",
    "blueprint",
    "http_problem",
    "problem",
]
