"""Whether values look like a person (names, mail addresses, phones), a moment (dates, times) or a place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from typing import Any

PERSON, MOMENT, PLACE = "a person", "a moment", "a place"


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: In most values means: in more than this share of those that differ.
MOST = 0.5
#: Numbers are taken for UNIX timestamps if they lie between these years, in seconds or smaller units.
YEARS = (2000, 2040)

#: A pair of numbers that are no larger may as well be shares.
SHARES = 1.0

_MAIL = re.compile(r"(?<![\w.+-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
_SIGNED_PHONE = re.compile(r"(?<![\w+.,])(?:\+|00)[1-9](?:[ ()/.\-]{0,2}\d){7,13}(?![\w-])")
_PHONE = re.compile(
    r"\(?0\d{1,5}\)?[ /\-–]{1,3}\d{2,}(?:[ \-]?\d+)*|\(\d{2,5}\) ?\d{3,4}[ \-]\d{3,}|\d{3}[-. ]\d{3}[-. ]\d{4}"
)
_SOCIAL_SECURITY = re.compile(r"\d{3}-\d{2}-\d{4}")
_MAC = re.compile(r"(?<![\w:-])[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}(?![\w:-])")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7})(?![\w:]|\.\d)"
)

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_MONTH_NAMES = (
    "jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|m[äa]e?rz|apr(?:il)?|may|mai|jun[ei]?|jul[yi]?|aug(?:ust)?|"
    "sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?|janvier|f[ée]vrier|mars|avril|juin|juillet|"
    "ao[ûu]t|septembre|octobre|novembre|d[ée]cembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|"
    "octubre|noviembre|diciembre"
)
_DATES = [
    re.compile(rf"(?<![\d.-]){form}(?![\d-]|\.\d)", re.IGNORECASE)
    for form in (
        rf"{_YEAR}([-/._]){_MONTH}\1{_DAY}(?:[T_ ].*)?",
        rf"{_DAY}([-/.]) ?{_MONTH}\1 ?{_YEAR}",
        rf"{_MONTH}([-/]){_DAY}\1{_YEAR}",
        rf"{_DAY}(?:st|nd|rd|th|\.)? ?(?:of |de )?(?:{_MONTH_NAMES})\.?,? (?:de )?{_YEAR}",
        rf"(?:{_MONTH_NAMES})\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}",
        rf"{_YEAR}-W[0-5]\d-[1-7]",
    )
]
#: Dates that only a column of them tells from other numbers: 4.3.21, 3/4/21, 20210304, 20210304_1233.
_SHORT_DATES = re.compile(
    rf"{_DAY}([-/.]){_MONTH}\1\d\d|{_MONTH}([-/]){_DAY}\2\d\d|"
    rf"(?:.*\D)?{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T_ -]?[0-2]\d[0-5]\d(?:[0-5]\d)?(?:\.\d+)?)?Z?(?:\D.*)?|"
    rf"(?:{_MONTH_NAMES})\.? {_YEAR}|{_DAY}(?:st|nd|rd|th|\.)? ?(?:{_MONTH_NAMES})\.?",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:[01]?\d|2[0-3])[:.h][0-5]\d(?:[:.][0-5]\d(?:[.,]\d+)?)? ?(?:[ap]\.?m\.?|Uhr|Z|[+-]\d\d:?\d\d|GMT|UTC|CES?T)?|"
    r"(?:1[0-2]|0?[1-9]) ?[ap]\.?m\.?",
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"\d{1,2}\.\d+")
_DEGREES = r"[-+]?\d{1,3}\.\d{4,}°?"
_PAIR = re.compile(rf"(?<![\d.,])({_DEGREES}) ?[NS]?(?:, ?|; ?| +)({_DEGREES}) ?[EWO]?(?![\d.]|,? ?[-+]?\d)")
_MINUTES = re.compile(r"\d{1,3}° ?\d{1,2}['′’](?: ?\d{1,2}(?:\.\d+)?(?:\"|″|''|”))? ?[NSEWO]")

_CAPITAL, _SMALL = "A-ZÀ-ÖØ-ÞĀ-Ž", "a-zß-öø-ÿā-ž"
_PART = rf"(?:[{_CAPITAL}][{_SMALL}'’]+(?:[-'’][{_CAPITAL}]?[{_SMALL}]+)*|[OD]['’][A-Z][a-z]+|Ma?c[A-Z][a-z]+)"
_INITIAL = rf"[{_CAPITAL}]\."
_LITTLE = r"(?:van|von|zu|zum|vom|de|del|della|di|da|dos|der|den|des|du|la|le|el|al|bin|ibn|ten|ter|y)"
_TITLE = r"(?:(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau|Mme|Sr|Sra|Mag|Dipl)\.? ?)*"
_NAMES = re.compile(
    rf"{_TITLE}(?:{_PART}|{_INITIAL})(?:[ _]?(?:{_INITIAL}|(?<=[ _]){_PART}))*"
    rf"[ _](?:{_LITTLE}[ _])*{_PART}(?:[ _-]?\d+)?|"
    rf"{_PART}[ _](?:{_LITTLE}[ _])*{_INITIAL}|"
    rf"{_PART}(?:[ -]{_PART})?, ?{_TITLE}(?:{_PART}|{_INITIAL})(?:[ -](?:{_PART}|{_INITIAL}))*|"
    rf"{_PART}\^{_PART}(?:\^.*)?|"
    rf"[{_CAPITAL}]{{3,}}[ _][{_CAPITAL}]{{3,}}(?:[ _][{_CAPITAL}]{{3,}})?|"
    rf"(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau|Mme)\.? {_PART}"
)
#: Words of labels, conditions and titles, so that "Very Happy" and "Mind Wandering" are nobody.
_LABEL_WORDS = word_set("""
    happy happiness sad sadness angry anger neutral fear fearful afraid surprise surprised disgust disgusted contempt
    worried calm bored boredom confused confusion frustrated frustration engaged engagement excited delight mind
    wandering wander attentive attention inattentive focused focus distracted task on off of the and or not no non very
    slightly somewhat mostly rather highly much more less most least little low lower high higher medium middle moderate
    mild strong weak positive negative mixed ambiguous left right front back up down top bottom inside outside true
    false yes none unknown other others test train validation dev group control condition experimental experiment
    treatment placebo baseline pre post before after day week session block trial run part section chapter page scene
    clip video audio text story reading book film movie news talk interview level stage phase type class label category
    state mood affect emotion expression face facial body hand head eye eyes mouth open closed male female man woman boy
    girl adult child young old first second third last one two three zero new long short fast slow good bad in out at to
    for with without from by is are was missing data value set fold split random natural posed spontaneous acted high
    school college university department institute street road city
    """)


def look_of_values(values: Iterable[Any], *, names: bool = True) -> str | None:
    """What values look like: "a person", "a moment", "a place"; None for labels, words and numbers.

    One mail address, signed phone number, full date, pair of coordinates or address of a computer is enough; names,
    times, short dates and UNIX timestamps count where most values that differ are some.

    Args:
        values: texts, numbers, dates of one column; None and values of other types count for nothing.
        names: whether two words with capitals are taken for a name.
    """
    different = list(dict.fromkeys(one for one in values if isinstance(one, _READ) and not isinstance(one, bool)))
    if any(isinstance(value, date | time) for value in different):
        return MOMENT
    texts = [text for value in different if isinstance(value, str) and (text := value.strip())]
    others = [float(value) for value in different if isinstance(value, int | float)]
    for look, found in _ONE_IS_ENOUGH:
        if any(map(found, texts)):
            return look
    for look, found in _MOST_ARE:
        if _most(found, texts) and (names or found is not is_name):
            return look
    numbers = others + [float(text) if re.fullmatch(r"\d{8,19}(?:\.\d+)?", text) else 0.0 for text in texts]
    return MOMENT if _most(_is_moment, numbers) else None


def only_label_words(text: str) -> bool:
    """Whether a text is words of labels and titles and nothing else, such as "neutral" or "Very Happy"."""
    words = re.findall(r"[^\W_]+", text.lower())
    return bool(words) and _LABEL_WORDS.issuperset(words)


def _most(found: Callable[[Any], bool], values: list[Any]) -> bool:
    return sum(map(found, values)) > MOST * len(values)


def is_name(text: str) -> bool:
    """Whether a text looks like a name of a person, of two parts or with a title."""
    if _NAMES.fullmatch(text) is None:
        return False
    return _LABEL_WORDS.isdisjoint(word.lower() for word in re.findall(r"[^\W\d_]+", text))


def _is_phone(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return 7 <= digits <= 15 and _PHONE.fullmatch(text) is not None


def _is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None and _PLAIN_NUMBER.fullmatch(text) is None


def _has_address(text: str) -> bool:
    """Of a computer: IP of version 4 or 6, or of its network card."""
    if _MAC.search(text) is not None:
        return True
    return any(_is_address(found) for found in _ADDRESS.findall(text))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return len(text) > 6


def _has_place(text: str) -> bool:
    if _MINUTES.search(text) is not None:
        return True
    pairs = [(float(one.rstrip("°")), float(other.rstrip("°"))) for one, other in _PAIR.findall(text)]
    return any(abs(north) <= 90 and abs(east) <= 180 and max(abs(north), abs(east)) > SHARES for north, east in pairs)


def _has_date(text: str) -> bool:
    return any(form.search(text) is not None for form in _DATES)


def _is_moment(number: float) -> bool:
    """Whether a number is a UNIX timestamp, in seconds to nanoseconds, or a day or second written as digits."""
    if any(_FIRST * unit <= number < _LAST * unit for unit in (1, 10**3, 10**6, 10**9)):
        return True
    if number.is_integer() and 19_000_101 <= number <= 20_991_231_235_959:
        return _SHORT_DATES.fullmatch(str(int(number))) is not None
    return False


_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in YEARS)
_READ = (str, int, float, date, time)
_ONE_IS_ENOUGH: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (PERSON, lambda text: _MAIL.search(text) is not None or _SIGNED_PHONE.search(text) is not None),
    (PERSON, _has_address),
    (PLACE, _has_place),
    (MOMENT, _has_date),
)
_MOST_ARE: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (PERSON, lambda text: _is_phone(text) or _SOCIAL_SECURITY.fullmatch(text) is not None),
    (MOMENT, lambda text: _is_time(text) or _SHORT_DATES.fullmatch(text) is not None),
    (PERSON, is_name),
)
