"""Columns that look like a person, a moment or a place are found by name and by value; features and labels are not."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from datasets import ClassLabel, Features, List, Value
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from emollama_hf.privacy.personal_columns import look_of_column, look_of_name, people_in
from emollama_hf.privacy.personal_values import MOMENT, PERSON, PLACE, look_of_values
from emollama_hf.privacy.spelled_names import spellings
from emollama_hf.stages import STAGES
from emollama_hf.stages.known_columns import columns_of, compared_columns, sensitive_columns

TEXT = Value("string")

# Names of columns


@pytest.mark.parametrize(
    ("look", "names"),
    [
        (PERSON, "participant_id participantId ParticipantID participants subject SubjectNr subj_01 patient "
                 "patientCode name first_name lastName speaker speaker_1 e-mail email_address eMail phone phoneNumber "
                 "address birth_date birthday date_of_birth_year user user_id userName ip ip_address Teilnehmer "
                 "versuchsperson Proband_Nr Vorname Geburtsdatum prénom sujet nombre participante actor student orcid"),
        (MOMENT, "date recording_date recorded_at time start_time timestamp timestamps instance_gmt utc createdAt "
                 "Datum Uhrzeit datetime"),
        (PLACE, "lat latitude lon lng gps gpsPosition city zip zip_code postcode PLZ Wohnort location hospital"),
    ],
)  # fmt: skip
def test_a_column_is_found_by_its_name(look: str, names: str) -> None:
    for name in names.split():
        found = look_of_name(name)
        assert found is not None, name
        assert found == look or "date_of" in name or name in ("birthday", "birth_date"), name


@pytest.mark.parametrize(
    "name",
    ["uuid", "id", "clip_id", "label", "mw_label", "valence", "arousal", "fold", "test_fold_num", "split", "discrete",
     "emotion", "emotion_name", "class_name", "model_name", "condition", "story_id", "item_nr", "reaction_time",
     "time_on_task", "notes", "sentence", "text", "english", "chinese", "camera", "clip_fps", "platform", "latency",
     "longest", "format", "update", "mailing", "patience", "timeline", "dataset", "data", "age", "gender", "rating",
     "score", "phonetic", "telling", "split_no", "", "_", "1"],
)  # fmt: skip
def test_other_names_are_not(name: str) -> None:
    assert look_of_name(name) is None
    assert look_of_column(name, TEXT, ["MW", "NonMW"]) is None


def test_no_column_of_a_stage_is_ever_personal() -> None:
    made = {column for stage in STAGES for column in columns_of(stage)}
    assert made
    assert made <= {*compared_columns(), *sensitive_columns()}
    for column in made:
        assert look_of_column(column, Value("float32"), [1.6e9, 48.137154]) is None
        if not column.startswith(("emotion", "answer")):  # labels, which may be two words with capitals
            found = look_of_column(column, TEXT, ["Anna Meier", "Ben Weber"])
            assert found == PERSON, "no stage computes texts there"
    for column in ("emollama_status", "emollama_error"):
        assert look_of_column(column, TEXT, ["Anna Meier", "2021-03-04", "anna@example.org"]) is None


@given(
    st.sampled_from(["label", "valence", "fold", "split", "uuid", "mw_label", "test_fold_num"]),
    st.lists(st.text(string.ascii_letters, min_size=1, max_size=8))
    | st.lists(st.integers(-1000, 1000))
    | st.lists(st.floats(-10, 10))
    | st.lists(st.uuids().map(str)),
)
def test_labels_and_numbers_are_not(name: str, values: list[Any]) -> None:
    assert look_of_column(name, TEXT, values) is None


def test_types_of_moments_and_names_within_structures_count() -> None:
    for kind in ("timestamp[s]", "timestamp[us, tz=UTC]", "date32", "date64", "time32[s]", "time64[us]"):
        assert look_of_column("t", Value(kind)) == MOMENT
    assert look_of_column("took", Value("duration[s]")) is None
    assert look_of_column("speaker_visible", Value("bool"), [True]) is None
    assert look_of_column("who", {"info": List({"speaker": TEXT})}) == PERSON
    assert look_of_column("who", ClassLabel(names=["Anna Meier", "Ben Schulz"])) == PERSON
    assert look_of_column("state", ClassLabel(names=["Mind Wandering", "On Task"])) is None


# Values

WORDS = st.text(string.ascii_lowercase, min_size=2, max_size=9)
# fmt: off
PARTS = st.sampled_from(
    ["Anna", "Ben", "Maria", "José", "Zoë", "Jürgen", "Mehmet", "Wei", "Łukasz", "Siân", "Anna-Lena", "O'Brien",
     "Müller", "García", "Smith", "Yılmaz", "Kowalski", "McDonald", "Dvořák", "Nguyen", "Çelik", "Sørensen"]
)
# fmt: on
FULL_NAMES = st.one_of(
    st.tuples(PARTS, PARTS).map(" ".join),
    st.tuples(PARTS, PARTS).map("_".join),
    st.tuples(PARTS, PARTS).map(", ".join),
    st.tuples(PARTS, PARTS).map(lambda parts: f"Dr. {parts[0]} {parts[1]}"),
    st.tuples(PARTS, PARTS).map(lambda parts: f"{parts[0][0]}. {parts[1]}"),
    st.tuples(PARTS, PARTS).map(lambda parts: f"{parts[0]} van der {parts[1]}"),
    st.tuples(PARTS, PARTS, st.integers(0, 99)).map(lambda parts: f"{parts[0]}_{parts[1]}_{parts[2]}"),
    st.tuples(PARTS, PARTS).map("^".join),
)


@settings(max_examples=200)
@example(["Ł. Anna"], [])
@example(["ŁUKASZ DVOŘÁK"], [])
@given(st.lists(FULL_NAMES, min_size=1, max_size=9), st.lists(st.none() | st.sampled_from(["", " "]), max_size=9))
def test_names_are_found(names: list[str], empty: list[str | None]) -> None:
    assert look_of_values([*names, *empty]) == PERSON


@given(WORDS, WORDS, WORDS, st.sampled_from(["", "mail ", "see <", "contact: "]), st.sampled_from(["", " soon", ">"]))
def test_one_mail_address_is_enough(who: str, host: str, end: str, before: str, after: str) -> None:
    written = f"{before}{who}.{host}@{host}.{end}{after}"
    assert look_of_values(["fine", "also fine", written, None]) == PERSON


@pytest.mark.parametrize(
    "number", ["+49 30 1234567", "+4930-1234567", "0049 30 1234567", "+1 (555) 123-4567", "call +49 170 1234567 first"]
)
def test_one_signed_phone_number_is_enough(number: str) -> None:
    assert look_of_values(["fine", "also fine", number]) == PERSON


@pytest.mark.parametrize("number", ["030/1234567", "0170 1234567", "(030) 123-4567", "555-123-4567", "555.123.4567"])
def test_a_column_of_phone_numbers_is_found(number: str) -> None:
    assert look_of_values([number, number.replace("4567", "4568")]) == PERSON
    assert look_of_values([number, "a", "b", "c"]) is None


def _dates(form: str) -> st.SearchStrategy[str]:
    moments = st.datetimes(datetime(1930, 1, 1), datetime(2039, 12, 31))
    return moments.map(lambda moment: moment.strftime(form))


DATES = st.one_of(
    *map(_dates, ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d", "%Y_%m_%d",
                  "%d.%m.%Y", "%d. %m. %Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %B %Y",
                  "%d. %B %Y", "%B %d, %Y", "%b %d, %Y", "%d %b %Y", "%Y-%m-%d_%H-%M-%S"))
)  # fmt: skip


@settings(max_examples=300)
@given(DATES, st.sampled_from(["", "recorded ", "from:"]), st.sampled_from(["", " in Bonn", ";"]))
def test_one_full_date_is_enough(written: str, before: str, after: str) -> None:
    assert look_of_values(["fine", "also fine", before + written + after]) == MOMENT


@given(
    st.lists(
        st.one_of(*map(_dates, ("%d.%m.%y", "%m/%d/%y", "%Y%m%d", "%Y%m%d_%H%M%S", "%Y%m%dT%H%M%SZ", "P1_%Y%m%d",
                                "%B %Y", "%H:%M", "%H:%M:%S", "%I:%M %p", "%H.%M Uhr", "%H:%M:%S.%f", "%I %p"))),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_columns_of_times_and_short_dates_are_found(written: list[str]) -> None:
    assert look_of_values(written) == MOMENT


@given(st.datetimes(datetime(2000, 1, 2), datetime(2039, 12, 30)), st.sampled_from([1, 10**3, 10**6]), st.booleans())
def test_unix_timestamps_are_moments_and_so_are_dates(moment: datetime, unit: int, as_text: bool) -> None:
    number = int(moment.replace(tzinfo=UTC).timestamp()) * unit
    assert look_of_values([str(number) if as_text else number] * 3 + [None]) == MOMENT
    assert look_of_values([number / 1.0]) == MOMENT
    assert look_of_values([moment]) == look_of_values([moment.date()]) == look_of_values([moment.time()]) == MOMENT
    assert look_of_values([number, 1, 2]) is None


@given(st.floats(-90, 90), st.floats(-180, 180), st.sampled_from([", ", ",", "; ", " "]))
def test_precise_places_are_found(north: float, east: float, between: str) -> None:
    assume(max(abs(north), abs(east)) > 1.1)
    assert look_of_values([f"{north:.5f}{between}{east:.5f}"]) == PLACE
    assert look_of_values([f"({north:.4f}{between}{east:.6f})"]) == PLACE


@given(st.ip_addresses())
def test_addresses_of_computers_are_found(address: object) -> None:
    written = str(address)
    assume(len(written) > 6)
    assert look_of_values(["fine", f"from {written}"]) == PERSON or written.count(":") in (1, 2)


@given(st.lists(st.integers(-(10**7), 10**7) | st.floats(-1e6, 1e6) | st.booleans() | st.none()))
def test_numbers_are_nobody(values: list[Any]) -> None:
    assert look_of_values(values) is None


@given(st.lists(st.floats(-1e4, 1e4).map(lambda number: f"{number:.6f}") | st.integers(-(10**6), 10**6).map(str)))
def test_numbers_as_text_are_nobody(values: list[str]) -> None:
    assert look_of_values(values) is None


@given(st.lists(st.lists(WORDS, min_size=1, max_size=12).map(" ".join)))
def test_words_and_sentences_are_nobody(values: list[str]) -> None:
    assert look_of_values(values) is None
    sentences = [f"{value.capitalize()}, and so on." for value in values]
    assert look_of_values(sentences) is None


@pytest.mark.parametrize(
    "values",
    [
        ["happy", "sad", "angry"],
        ["Very Happy", "Very Sad", "Mind Wandering", "On Task", "Not Sure", "High School"],
        ["P01", "P02"], ["u1", "a1b2"], ["s01_c3", "s02_c4"], ["MW", "NonMW"], ["A", "B"], ["Group A", "Block 2"],
        ["550e8400-e29b-41d4-a716-446655440000"], ["9465404101bfab54ce72f0b78c05ed4b4655833d3552806c8b033f4756ed354a"],
        ["10.1000/xyz123", "doi:10.1145/3442188"], ["1/2", "3/4"], ["16:9", "4:3"], ["v1.2.3", "3.11.7"],
        ["2021", "1999"], ["0.1234, 0.5678"], ["0.12, 0.34, 0.56"], ["12.50", "13.25"], ["50%"], ["He left."],
        ["Anna"], ["https://example.org/a/b"], ["1-5", "6-10"], ["12345678"], ["00000123"],
        ["sample_00000123"], [b"bytes"], [],
    ],
    ids=str,
)  # fmt: skip
def test_ordinary_values_are_nobody(values: list[Any]) -> None:
    assert look_of_values(values) is None


def test_only_a_column_of_them_counts_where_one_may_be_chance() -> None:
    assert look_of_values(["Anna Meier", "happy", "sad"]) is None
    assert look_of_values(["12:30", "a", "b"]) is None
    assert look_of_values(["Anna Meier"] * 5 + ["happy"] * 3) is None, "values that differ are counted"


def test_dates_of_today_and_tomorrow() -> None:
    for day in (date.today(), date.today() + timedelta(days=1)):
        assert look_of_values([f"on {day}"]) == MOMENT


def test_every_type_of_datasets_has_an_answer() -> None:
    for name, kind in Features(
        {"x": List(Value("float32")), "y": Value("binary"), "z": ClassLabel(num_classes=2)}
    ).items():
        assert look_of_column(name, kind, [None]) is None


@pytest.mark.parametrize(
    "name", ["anna@uni.de", "anna_schmidt.mp4", "2021-03-04", "rating_AnnaSchmidt", "schmidt_valence", "take_01_score"]
)
def test_a_name_of_a_column_may_be_one_of_a_person_or_a_file(name: str) -> None:
    people = people_in({"participant": (Value("string"), ["Anna Schmidt", "P2"])}) | spellings(["take_01"])
    assert look_of_column(name, Value("int64"), people=people) is not None


@pytest.mark.parametrize("name", ["valence", "face_coverage", "AU12", "p2_score", "Reaction_Rate", "label", "annas"])
def test_names_of_other_columns_are_nobody(name: str) -> None:
    people = people_in({"participant": (Value("string"), ["Anna Schmidt", "P2", "valence", "label"])})
    assert look_of_column(name, Value("int64"), people=people | spellings(["face", "AU"])) is None
