"""Dates and times of expressions: `date()`, `decimal-date-time()`, `format-date()` and their kin."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from forms.language.values import EPOCH, NAN, Moment, read_moment, text_to_number, to_text

MAX_DAYS = 2_900_000
"""Days from 1970 that a calendar date can hold (the year 9999)."""
MIN_DAYS = -719_000
_SHORT_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHORT_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CHINESE_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def as_moment(value: object, *, timed: bool) -> Moment | str:
    """The date (or date-time) of text, of a number of days or of a `Moment`; empty text where there is none."""
    if type(value) is Moment:
        moment: Moment | None = value
    elif type(value) is str or type(value) is list:
        text = to_text(value).strip()
        moment = read_moment(text)
        if moment is None:
            days = text_to_number(text)
            moment = _from_days(days) if days == days else None
    elif type(value) is float or type(value) is int:
        moment = _from_days(value)
    else:
        moment = None
    if moment is None:
        return ""
    if timed or not moment.timed:
        return moment
    return Moment(moment.when.replace(hour=0, minute=0, second=0, microsecond=0), False)


def _from_days(days: float) -> Moment | None:
    if not MIN_DAYS < days < MAX_DAYS:
        return None
    whole = int(days // 1)
    start = datetime.combine(date.fromordinal(whole + EPOCH), datetime.min.time())
    if whole == days:
        return Moment(start, False)
    return Moment(start + timedelta(days=days - whole), True)


def decimal_date_time(value: object, zone: tzinfo | None) -> float | str:
    """Days since 1970 on the phone's own clock, with a fraction: a date is a whole number, as in JavaRosa, so that
    `date(decimal-date-time(${day}) + 30)` is thirty days later east of Greenwich, too."""
    if type(value) is float or type(value) is int:
        return value  # type: ignore[return-value]
    moment = as_moment(value, timed=True)
    if not isinstance(moment, Moment):
        return ""
    here = zone.utcoffset(moment.when) if zone is not None else None
    if here is None or moment.offset is None:
        return moment.exact
    return moment.exact + (here - moment.offset).total_seconds() / 86400


def decimal_time(value: object) -> float | str:
    """The time of day as a fraction: noon is 0.5."""
    if type(value) is float or type(value) is int:
        return value % 1 if value == value else NAN  # type: ignore[operator]
    if type(value) is str:
        clock = read_clock(value)
        if clock is not None:
            return clock
    moment = as_moment(value, timed=True)
    if not isinstance(moment, Moment):
        return ""
    return moment.exact % 1


def read_clock(text: str) -> float | None:
    """A time of day such as `09:30`, `09:30:00.000+08:00` as a fraction of the day."""
    if len(text) < 5 or text[2] != ":":
        return None
    try:
        clock = datetime.fromisoformat(f"2000-01-01T{text}")
    except ValueError:
        return None
    return (clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6) / 86400


def format_moment(value: object, pattern: str, language: str) -> str:
    """`%Y %y %m %n %b %d %e %a %H %h %M %S %3` and `%%`; any other sign after `%` stays as it is."""
    moment = as_moment(value, timed=True)
    if not isinstance(moment, Moment):
        return ""
    when = moment.when
    parts: list[str] = []
    signs = iter(pattern)
    for sign in signs:
        if sign != "%":
            parts.append(sign)
            continue
        code = next(signs, "")
        parts.append(_formatted(when, code, language))
    return "".join(parts)


def _formatted(when: datetime, code: str, language: str) -> str:
    match code:
        case "Y":
            return f"{when.year:04}"
        case "y":
            return f"{when.year % 100:02}"
        case "m":
            return f"{when.month:02}"
        case "n":
            return str(when.month)
        case "b":
            return _SHORT_MONTHS[when.month - 1] if language == "en" else f"{when.month}月"
        case "d":
            return f"{when.day:02}"
        case "e":
            return str(when.day)
        case "a":
            return (_SHORT_DAYS if language == "en" else _CHINESE_DAYS)[when.weekday()]
        case "H":
            return f"{when.hour:02}"
        case "h":
            return str(when.hour)
        case "M":
            return f"{when.minute:02}"
        case "S":
            return f"{when.second:02}"
        case "3":
            return f"{when.microsecond // 1000:03}"
        case "%":
            return "%"
        case _:
            return f"%{code}"
