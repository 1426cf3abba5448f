"""What each expected failure is in HTTP: one table for pages and API."""

from __future__ import annotations

from service.domain import errors

STATUS: dict[type[errors.GreenroomError], int] = {
    errors.InvalidInput: 422,
    errors.NotFound: 404,
    errors.LinkGone: 410,
    errors.NotAllowed: 403,
    errors.SlotTaken: 409,
    errors.RuleBroken: 422,
    errors.CalendarUnreadable: 503,
    errors.MoveNotAllowed: 409,
    errors.AgreementChanged: 409,
    errors.AgreementNotReady: 409,
    errors.ProposalOver: 409,
    errors.KeyReused: 422,
    errors.TooMany: 429,
    errors.ConsentFault: 400,
    errors.AdapterError: 422,
}


def status_of(error: errors.GreenroomError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
