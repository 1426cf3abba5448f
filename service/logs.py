"""Log lines: one form for every process, ids as fields, and not a word that anybody typed."""

from __future__ import annotations

import errno
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

OURS = ("service", "workers", "integrations")
# What a line may carry beside its sentence: ids of rows, names of code, figures. Whatever else is given is left out.
FIELDS = (
    "request_id", "method", "route", "status", "size", "seconds", "job", "row", "inbound", "meeting", "pair", "date",
    "commitment", "connection", "person",
)  # fmt: skip
MOST_TRACE = 3000  # a line beyond PIPE_BUF, 4096 on Linux, may be mixed with another process's in a pipe (POSIX write)
_about: ContextVar[Mapping[str, Any]] = ContextVar("about", default={})  # noqa: B039 - never changed, only replaced


def start(form: str, part: str) -> None:
    """This process logs to stderr from now on: `json` is an object a line with access and progress, `text` only what
    somebody should look at. Repeatable; a fork says with it which part it is."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(handler)
    root.addHandler(_Stderr(_Json(part) if form == "json" else _Text()))
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO if form == "json" else logging.WARNING)
    warnings.showwarning = _on_warning
    sys.excepthook = _on_end
    threading.excepthook = _on_thread_end
    sys.unraisablehook = _on_unraisable


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Every line inside, whoever writes it, carries these of FIELDS as well."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def begin(fields: Mapping[str, object]) -> None:
    """Every line of this thread carries these, and no others, until the next `begin`."""
    _about.set(fields)


def note(**fields: object) -> None:
    """Adds to what the lines of this thread carry."""
    _about.set({**_about.get(), **fields})


def current() -> Mapping[str, Any]:
    """What the lines of this thread carry now."""
    return _about.get()


def say(log: logging.Logger, sentence: str, **fields: object) -> None:
    """For whoever started this process: a sentence in text, else a line like all others."""
    if any(isinstance(each, _Stderr) and each.is_json for each in logging.getLogger().handlers):
        log.info("%s", sentence, extra=fields)
        return
    sys.stderr.write(f"greenroom: {sentence}\n")
    sys.stderr.flush()


def mistake(log: logging.Logger, what: str, fault: BaseException, **fields: object) -> None:
    """One line about a mistake of ours: what kind, and where in the code."""
    log.error("%s: unexpected %s", what, kind(fault), extra={"trace": trace(fault), **fields})


def kind(fault: BaseException) -> str:
    """The fault's type and the code that the system or the database gave it; never its message, which may quote what
    somebody typed (PostgreSQL's name the values of a key, a parser's the text)."""
    told = getattr(fault, "orig", None) or fault  # SQLAlchemy wraps what the driver raised
    code = getattr(told, "sqlite_errorname", None) or getattr(told, "sqlstate", None)
    if code is None and isinstance(told, OSError):
        code = errno.errorcode.get(told.errno or 0)
    return " ".join(filter(None, (type(told).__name__, code)))


def trace(fault: BaseException) -> str:
    """Where it happened and what caused it, as a traceback without messages; the end of it, when it is long."""
    return _trace(fault)[-MOST_TRACE:]


def _trace(fault: BaseException) -> str:
    cause = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    before = f"{_trace(cause)}\nled to\n" if cause is not None else ""
    stack = traceback.extract_tb(fault.__traceback__)
    frames = [(each.filename, each.lineno or 0, each.name, each.line) for each in stack]  # without lines of ^^^^
    return f"{before}{''.join(traceback.format_list(frames))}{kind(fault)}"


class _Stderr(logging.Handler):
    """Writes to whatever stderr is at that moment, each line in one piece: all parts write to the same one."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.is_json = isinstance(formatter, _Json)

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):  # the boundary of one line: it must not end what it tells of
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()


def _told(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it may be written: a library's line may quote anything (a refused request, the address of a feed),
    so of its values only numbers stay."""
    made = logging.makeLogRecord(record.__dict__)
    if record.name.partition(".")[0] not in OURS:
        made.msg = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        if isinstance(record.args, Mapping):
            made.args = {name: _number(value) for name, value in record.args.items()}
        else:
            made.args = tuple(_number(value) for value in record.args or ())
        for name in FIELDS:
            made.__dict__.pop(name, None)
    made.__dict__.update((name, value) for name, value in _about.get().items() if name not in made.__dict__)
    return made


def _number(value: object) -> object:
    return value if isinstance(value, int | float) else "…"


def _time(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Json(JsonFormatter):
    NAMES = {"levelname": "level", "name": "logger", "process": "pid", "exc_info": "trace"}  # noqa: RUF012
    KEPT = {"time", "level", "logger", "message", "part", "pid", "trace", *FIELDS}  # noqa: RUF012

    def __init__(self, part: str) -> None:
        super().__init__(["levelname", "name", "message", "process"], rename_fields=self.NAMES)
        self._part = part

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = _time(record)
        super().add_fields(log_data, record, message_dict)
        log_data["part"] = self._part

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in log_data.items() if name in self.KEPT and value is not None}

    def format(self, record: logging.LogRecord) -> str:
        return super().format(_told(record))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's name
        return trace(ei[1]) if ei[1] is not None else ""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        made = _told(record)
        fields = "".join(f" {name}={made.__dict__[name]}" for name in FIELDS if made.__dict__.get(name) is not None)
        fault = made.exc_info[1] if isinstance(made.exc_info, tuple) else None
        where = trace(fault) if fault is not None else made.__dict__.get("trace", "")
        line = f"{_time(made)} {made.name} {made.levelname} {made.getMessage()}{fields}"
        return f"{line}\n{where}" if where else line


def _on_warning(
    message: Warning | str,  # noqa: ARG001 - Python passes what it says by name too
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    logging.getLogger(__name__).warning("%s at %s:%d", category.__name__, filename, lineno)


def _on_end(_kind: type[BaseException], fault: BaseException, _where: TracebackType | None) -> None:
    mistake(logging.getLogger(__name__), "this process ends", fault)


def _on_thread_end(hook: threading.ExceptHookArgs) -> None:
    if hook.exc_value is not None:
        mistake(logging.getLogger(__name__), "a thread ended", hook.exc_value)


def _on_unraisable(hook: sys.UnraisableHookArgs) -> None:
    if hook.exc_value is not None:
        mistake(logging.getLogger(__name__), "what nobody waits for", hook.exc_value)
