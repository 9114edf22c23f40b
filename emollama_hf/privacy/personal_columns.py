"""Whether a column looks like a person, a moment or a place: by its name, its type and its values.

A guess that is made to ask somebody, and no more: who knows what a column holds decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from datasets import ClassLabel, Value

from emollama_hf import schema
from emollama_hf.privacy.column_values import look_at_names
from emollama_hf.privacy.personal_values import MOMENT, PERSON, PLACE, is_name, look_of_values, word_set
from emollama_hf.privacy.spelled_names import LETTERS, spelled_in, spellings
from emollama_hf.stages.known_columns import is_computed

#: Inputs of this package, and what names rows or says what a model learns: their names never look like a person.
OWN = frozenset(
    [
        *schema.CLIPS,
        schema.FACEMAE_FRAMES,
        schema.VIDEOMAE_FRAMES,
        schema.PEAK_FRAME,
        schema.HUBERT,
        "start_s",
        "end_s",
        "label",
        "valence",
        "arousal",
        "fold",
        "split",
        schema.UUID,
        schema.CLIP_ID,
    ]
)

_PEOPLE = """
    worker prolific mturk
    participant subject subj patient proband person people respondent volunteer student pupil teacher child mother
    father parent sibling actor actress speaker talker rater annotator coder interviewer interviewee experimenter user
    login owner author client customer employee witness victim suspect identity who whom
    firstname lastname surname forename fullname nickname maiden initials alias pseudonym handle
    email mail phone telephone tel mobile cellphone fax whatsapp telegram skype twitter instagram facebook tiktok
    linkedin orcid address street dob born ssn passport iban bic account insurance
    ip ipv4 ipv6 mac imei imsi hostname pid ppt mrn
    vorname nachname familienname spitzname geburt geboren teilnehmer teilnehmerin versuchsperson vp probandin patientin
    sprecher sprecherin schueler schuelerin lehrer lehrerin kind mutter vater nutzer benutzer kunde anschrift strasse
    telefon handy matrikel steuer
    nom prenom sujet patiente locuteur enfant adresse courriel naissance
    nombre apellido apellidos sujeto participante paciente hablante correo direccion nacimiento
    nome cognome soggetto paziente partecipante indirizzo
"""
_MOMENTS = """
    date time datetime timestamp gmt utc epoch clock recorded created updated modified uploaded captured acquired filmed
    datum zeit uhrzeit zeitpunkt zeitstempel aufgenommen heure horaire fecha hora
"""
_PLACES = """
    lat latitude lon lng longitude latlon latlng gps geo geolocation location city town village zip zipcode postcode
    postal coordinate coordinates coords hospital clinic ort wohnort stadt plz postleitzahl krankenhaus ville ciudad
    citta
"""
_LOOKS = {
    **dict.fromkeys(_PEOPLE.split(), PERSON),
    **dict.fromkeys(_MOMENTS.split(), MOMENT),
    **dict.fromkeys(_PLACES.split(), PLACE),
}
#: Words that begin so mean the same with whatever follows.
_STARTS = (
    ("birth", PERSON), ("geburt", PERSON), ("email", PERSON), ("telefon", PERSON), ("username", PERSON),
    ("timestamp", MOMENT), ("datetime", MOMENT), ("latitud", PLACE), ("longitud", PLACE),
)  # fmt: skip
#: What is written behind a person's word without a border: participantid, patientcode, subjectnr.
_ENDS = ("identifier", "number", "nummer", "kennung", "code", "name", "id", "ids", "nr", "no", "s", "in", "innen")
#: A name of these is not a person's: class_name, model_name.
_NAMED_THINGS = word_set("""
    label class task emotion model dataset stage column feature split fold set group condition category stimulus story
    text book film movie clip video file task test scale item layer encoder config configuration version library
    """)
#: Columns of these hold labels and titles, which may be two words with capitals and nobody's name.
_LABELS = word_set("""
    label labels class emotion emotions condition category discrete valence arousal fold split sentiment state mood
    affect answer target task stimulus story title group topic
    """)
#: A time of these is how long something took: reaction_time, time_on_task.
_SPANS = word_set("reaction response dwell fixation on elapsed reading viewing total mean median")
#: Characters of a text that is taken for somebody's name.
_LONGEST_NAME = 80
_WORD = re.compile(LETTERS)


def look_of_column(
    name: str, feature: Any, values: Collection[Any] = (), *, people: Collection[str] = ()
) -> str | None:
    """What a column looks like: "a person", "a moment" or "a place"; None for what looks like neither.

    Args:
        name: of the column.
        feature: its type, a `datasets` feature.
        values: its values, or those that differ; None among them counts for nothing.
        people: spellings of names of people and files (`people_in`, `spellings`), of which the name may have one.
    """
    kind = getattr(feature, "dtype", "") if isinstance(feature, Value) else ""
    if name in (schema.STATUS, schema.ERROR) or (is_computed(name) and "string" not in kind):
        return None
    if name not in OWN and (look := _look_of_own_name(name, people)) is not None:
        return look
    if kind == "bool":
        return None
    if kind.startswith(("timestamp", "date", "time")):
        return MOMENT
    by_name = None if name in OWN else look_of_name(name)
    if by_name is None:
        inner = _fields(feature)
        by_name = next((look for one in inner if one not in OWN and (look := look_of_name(one)) is not None), None)
    if by_name is not None:
        return by_name
    held = list(feature.names or ()) if isinstance(feature, ClassLabel) else values
    return look_of_values(held, names=_LABELS.isdisjoint(_words(name)))


def may_name_people(name: str, feature: Any) -> bool:
    """Whether a column is one of texts or classes, and its name is that of a column of people."""
    texts = isinstance(feature, ClassLabel) or (isinstance(feature, Value) and "string" in feature.dtype)
    return texts and not is_computed(name) and name not in OWN and look_of_name(name) == PERSON


def people_in(columns: Mapping[str, tuple[Any, Collection[Any]]]) -> frozenset[str]:
    """The spellings of the people whom some columns name, and of the parts of their names.

    Args:
        columns: for each column its type and its values, or those that differ.

    Returns:
        Spellings (`spelled_names.spellings`) of the values of columns that look like a person.
    """
    found: set[str] = set()
    for name, (feature, values) in columns.items():
        if look_of_column(name, feature, values) == PERSON:
            held = list(feature.names or ()) if isinstance(feature, ClassLabel) else values
            texts = [text for text in held if isinstance(text, str) and len(text) <= _LONGEST_NAME]
            found.update(texts, *(re.findall(r"[^\W\d_]+", text) for text in texts if is_name(text)))
    return spellings(found)


def _look_of_own_name(name: str, people: Collection[str]) -> str | None:
    """What a column's name is itself: the name of a person or a file, a mail address, a day."""
    if spelled_in(name, people) is not None or look_at_names([name]).are_file_names:
        return PERSON
    return look_of_values([name], names=False)


def look_of_name(name: str) -> str | None:
    """What a column's name says: "a person", "a moment", "a place" or None.

    The name is taken apart at underscores, digits and capitals: "speakerName_2" is speaker, name.
    """
    words = _words(name)
    looks = [look for word in words if (look := _look_of_word(word)) is not None]
    if "name" in words or "names" in words:
        looks += [PERSON] if _NAMED_THINGS.isdisjoint(words) else []
    if not _SPANS.isdisjoint(words):
        looks = [look for look in looks if look != MOMENT]
    return looks[0] if looks else None


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_plain(name))]


def _look_of_word(word: str) -> str | None:
    if word in _LOOKS:
        return _LOOKS[word]
    for start, look in _STARTS:
        if word.startswith(start):
            return look
    for end in _ENDS:
        if word.endswith(end) and _LOOKS.get(word.removesuffix(end)) is not None and len(word) > len(end) + 2:
            return _LOOKS[word.removesuffix(end)]
    return None


def _plain(name: str) -> str:
    """A name without accents, and with the letters of German written out."""
    for letter, written in (("ß", "ss"), ("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue")):
        name = unicodedata.normalize("NFC", name).replace(letter, written)
    parts = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _fields(feature: Any) -> list[str]:
    """Names of the fields of a structure, at any depth."""
    if isinstance(feature, dict):
        return [name for field, inner in feature.items() for name in (str(field), *_fields(inner))]
    if isinstance(feature, list | tuple):
        return [name for inner in feature for name in _fields(inner)]
    inner = getattr(feature, "feature", None)
    return [] if inner is None else _fields(inner)
