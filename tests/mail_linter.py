"""What an invitation must be, as a linter: each rule names its source. Returns what is wrong, in words."""

from __future__ import annotations

import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from urllib.parse import urlsplit

from icalendar import Calendar

FORBIDDEN_WORDS = re.compile(r"\b(reminder|overdue|please complete|failed)\b", re.IGNORECASE)
FORBIDDEN_PROPERTIES = ("CATEGORIES", "ATTACH", "REQUEST-STATUS", "X-ALT-DESC")


def lint(raw: bytes, host: str | None = None) -> list[str]:
    """Problems of one mail as it goes out; an empty list when there is none. `host`: the only one that links name."""
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    problems = _lint_lines(raw) + _lint_headers(message)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    if [part.get_content_type() for part in leaves[:2]] != ["text/plain", "text/html"]:
        return [*problems, "does not start with text and HTML"]
    problems += _lint_words(leaves[0].get_content(), leaves[1].get_content(), host)
    calendars = [part for part in leaves if part.get_content_type() in {"text/calendar", "application/ics"}]
    if calendars:
        problems += _lint_structure(message, calendars) + lint_calendar(calendars[0])
        problems += _lint_parties(message, calendars[0])
    return problems


def _lint_words(text: str, html: str, host: str | None) -> list[str]:
    problems = []
    for body in (text, html):
        found = FORBIDDEN_WORDS.search(body)
        if found:
            problems.append(f"says {found[0]!r}")
    if re.search(r"<(img|script|link|iframe|form)\b", html):
        problems.append("has an image, a script or a form")
    targets = [unescape(target) for target in re.findall(r'href="([^"]*)"', html)]
    outside = [target for target in targets if not target.startswith("mailto:")]  # a draft in the reader's own program
    if host is not None and any(urlsplit(target).netloc != host for target in outside):
        problems.append("a link to another host")
    buttons = re.findall(r"display:inline-block;padding:(\d+)px", html)
    if buttons.count("13") + ("11" in buttons) > 1 or buttons.count("11") > 3:
        problems.append("more than one thing to do")  # up to three times to choose from are one
    problems += [f"{target} is in the HTML alone" for target in targets if target not in text]
    return problems


def _lint_lines(raw: bytes) -> list[str]:
    problems = []
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        problems.append("a bare CR or LF (RFC 5322 2.3)")
    if any(byte > 127 for byte in raw):
        problems.append("8-bit without encoding (RFC 6047 2.5)")
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        problems.append("a line over 998 octets (RFC 5322 2.1.1)")
    return problems


def _lint_headers(message: EmailMessage) -> list[str]:
    problems = [f"no {name}" for name in ("From", "To", "Subject", "Date", "Message-ID") if message[name] is None]
    problems += [f"has {name}" for name in ("Precedence", "Bcc") if message[name] is not None]
    calendar = any(part.get_content_type() == "text/calendar" for part in message.walk())
    if calendar and message["Auto-Submitted"] is not None:
        problems.append("Auto-Submitted on an invitation: some servers discard it unread")
    return problems


def _lint_structure(message: EmailMessage, calendars: list[EmailMessage]) -> list[str]:
    problems = []
    if message.get_content_type() != "multipart/mixed":
        problems.append("not multipart/mixed outside")
    inner = next(message.iter_parts())
    inside = [part.get_content_type() for part in inner.iter_parts()] if inner.is_multipart() else []
    if inner.get_content_type() != "multipart/alternative" or inside != ["text/plain", "text/html", "text/calendar"]:
        problems.append("the calendar is no part of the alternative: Outlook shows no buttons")
    if len(calendars) != 2 or calendars[0].get_payload(decode=True) != calendars[1].get_payload(decode=True):
        problems.append("not two equal copies of the calendar")
    for part in calendars:
        if str(part["Content-Transfer-Encoding"]) != "base64":
            problems.append("the calendar is not base64")
    if calendars[0]["Content-Disposition"] is not None:
        problems.append("a disposition on the alternative")
    if calendars[-1].get_filename() != "invite.ics":
        problems.append("the file is not called invite.ics")
    return problems


def _lint_parties(message: EmailMessage, part: EmailMessage) -> list[str]:
    """The reader is invited, and answers come back to whoever wrote."""
    problems = []
    event = Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")[0]
    attendees = event.get("ATTENDEE", [])
    invited = {str(one).lower() for one in (attendees if isinstance(attendees, list) else [attendees])}
    if f"mailto:{message['To'].addresses[0].addr_spec}".lower() not in invited:
        problems.append("the reader is no ATTENDEE: no buttons (nextcloud/mail#8801)")
    if str(event.get("ORGANIZER")).lower() != f"mailto:{message['From'].addresses[0].addr_spec}".lower():
        problems.append("ORGANIZER is not the sender: answers go astray")
    if event.get("SUMMARY") and str(event["SUMMARY"]) in str(message["Subject"]):
        problems.append("the subject names people")
    return problems


def lint_calendar(part: EmailMessage) -> list[str]:
    octets = part.get_payload(decode=True)
    problems = _lint_octets(octets)
    calendar = Calendar.from_ical(octets)
    method = str(calendar.get("METHOD", ""))
    if part.get_param("method") != method or method not in {"REQUEST", "CANCEL"}:
        problems.append(f"the parameter says {part.get_param('method')}, METHOD {method} (RFC 6047 2.4)")
    if str(part.get_param("charset")).upper() != "UTF-8":
        problems.append("charset is not UTF-8")
    events = calendar.walk("VEVENT")
    if len(events) != 1 or calendar.walk("VTIMEZONE"):
        problems.append("not exactly one event, or a VTIMEZONE where UTC does")
    return problems + _lint_event(events[0], method, octets)


def _lint_octets(octets: bytes) -> list[str]:
    problems = []
    lines = octets.split(b"\r\n")
    if re.search(rb"(?<!\r)\n|\r(?!\n)", octets):
        problems.append("bare CR or LF in the calendar")
    if any(len(line) > 75 for line in lines):
        problems.append("a line over 75 octets (RFC 5545 3.1)")
    for line in lines:
        try:
            line.decode()
        except UnicodeDecodeError:
            problems.append("a fold inside a character")
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", octets):
        problems.append("a control character")
    if octets.count(b"\nSEQUENCE:") != 1 or octets.count(b"\nMETHOD:") != 1:
        problems.append("not one SEQUENCE and one METHOD")
    elif octets.index(b"METHOD:") > octets.index(b"BEGIN:VEVENT"):
        problems.append("METHOD after the event (RFC 5545 3.4)")
    return problems


def _lint_event(event, method: str, octets: bytes) -> list[str]:
    problems = [
        f"no {name}" for name in ("UID", "DTSTAMP", "DTSTART", "ORGANIZER", "SUMMARY", "ATTENDEE") if name not in event
    ]
    if problems:
        return problems
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(event["UID"])):
        problems.append("the UID is no bare UUID (RFC 7986 5.3)")
    for name in (b"DTSTART", b"DTEND", b"DTSTAMP"):
        if not re.search(rb"\r\n" + name + rb":\d{8}T\d{6}Z\r\n", octets):
            problems.append(f"{name.decode()} is not in UTC")
    if not re.fullmatch(r"mailto:[^@\s%]+@[^@\s]+", str(event["ORGANIZER"])):
        problems.append("ORGANIZER is no plain mailto (RFC 6047 2.3)")
    attendees = event["ATTENDEE"] if isinstance(event["ATTENDEE"], list) else [event["ATTENDEE"]]
    for attendee in attendees:
        if str(attendee) == str(event["ORGANIZER"]):
            problems.append("an attendee is the organizer: no buttons for them")
        wanted = {"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT"} | ({"RSVP": "TRUE"} if method == "REQUEST" else {})
        problems += [
            f"ATTENDEE without {key}={value}" for key, value in wanted.items() if attendee.params.get(key) != value
        ]
    status = {"REQUEST": "CONFIRMED", "CANCEL": "CANCELLED"}.get(method)
    if str(event.get("STATUS")) != status:
        problems.append(f"STATUS {event.get('STATUS')} in a {method}")
    if event.walk("VALARM"):
        problems.append("an alarm: what matters is a mail")
    problems += _lint_details(event, octets)
    if str(event.get("CLASS")) != "PRIVATE" or str(event.get("TRANSP")) != "OPAQUE":
        problems.append("not private, or not blocking time")
    problems += [f"has {name}" for name in FORBIDDEN_PROPERTIES if name in event]
    return problems


def _lint_details(event, octets: bytes) -> list[str]:
    problems = []
    unfolded = octets.replace(b"\r\n ", b"")
    if event.get("CONFERENCE") is not None and not re.search(
        rb"\r\nCONFERENCE;(?:FEATURE=[A-Z,]+;)?VALUE=URI:https?://", unfolded
    ):
        problems.append("CONFERENCE is no URI, or its list is one quoted value (RFC 7986 5.11)")
    if re.search(rb"SENT-BY=(?!\")", unfolded):
        problems.append("SENT-BY without quotes (tine20#4642)")
    if re.search(rb"(?i)noreply|no-reply", str(event["ORGANIZER"]).encode()):
        problems.append("ORGANIZER is a mailbox that nobody reads (indico#7121)")
    if "URL" in event and not str(event["URL"]).startswith("http"):
        problems.append("URL is not absolute (RFC 5545 3.8.4.6)")
    if "<" in str(event.get("DESCRIPTION", "")) and re.search(r"</?(p|br|a|ul|li|div)\b", str(event["DESCRIPTION"])):
        problems.append("HTML in DESCRIPTION")
    return problems
