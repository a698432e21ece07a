import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.tts.english import as_words
from myna.engines.tts.english_amounts import spell_out


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # numbers
        ("52,340 people", "fifty two thousand three hundred forty people"),
        ("0.5 or 3.14159", "zero point five or three point one four one five nine"),
        ("007 and 1,000,000", "zero zero seven and one million"),
        ("-5 or 5-3 = 2", "minus five or five minus three = two"),
        ("1/2, 3/4 and 2 1/3 cups", "one half, three quarters and two and one third cups"),
        ("24/7", "twenty four seven"),
        ("1st, 2nd, 3rd, 12th, 21st, 30th", "first, second, third, twelfth, twenty first, thirtieth"),
        ("1920x1080", "nineteen twenty by one thousand eighty"),
        # years
        (
            "in 1999, 2000, 2009 and 2026",
            "in nineteen ninety nine, two thousand, two thousand nine and twenty twenty six",
        ),
        ("the 1980s, the '90s", "the nineteen eighties, the nineties"),
        ("1,999 years", "one thousand nine hundred ninety nine years"),
        # dates
        ("March 3, 2026", "March third, twenty twenty six"),
        ("Mar. 3", "March third"),
        ("14 July 1999", "the fourteenth of July, nineteen ninety nine"),
        ("the 5th of May", "the fifth of May"),
        ("10/25/2026", "October twenty fifth, twenty twenty six"),
        ("25/12/99", "December twenty fifth, nineteen ninety nine"),
        ("2026-03-05", "March fifth, twenty twenty six"),
        ("on 3/14, by 3/4, after 1/2 hour", "on March fourteenth, by three quarters, after one half hour"),
        ("due 12/31, on 9/11", "due December thirty first, on nine eleven"),
        ("Jan 1-3, 2025", "January first to third, twenty twenty five"),
        ("March 5–7 in Rome", "March fifth to seventh in Rome"),
        # times
        ("at 9:30 a.m.", "at nine thirty A M."),
        ("12:05 p.m. sharp", "twelve oh five P M sharp"),
        ("7pm, 9:00, 14:00", "seven P M, nine o'clock, fourteen hundred"),
        ("9 a.m.–5 p.m. daily", "nine A M to five P M daily"),
        ("1:23:45", "one twenty three and forty five seconds"),
        ("3:1", "three to one"),
        # money
        ("$3.50, $12, $1, $0.99", "three dollars and fifty cents, twelve dollars, one dollar, ninety nine cents"),
        ("£1,250 or £1.01", "one thousand two hundred fifty pounds or one pound and one penny"),
        ("$2.5 million, $3M, -€5", "two point five million dollars, three million dollars, minus five euros"),
        ("$10-15 or $10–$20", "ten to fifteen dollars or ten to twenty dollars"),
        # units
        ("5 kg, 1 km, 60mph", "five kilograms, one kilometer, sixty miles per hour"),
        ("25°C and 98.6 °F", "twenty five degrees Celsius and ninety eight point six degrees Fahrenheit"),
        ("15%, 2.5%, 5-10%", "fifteen percent, two point five percent, five to ten percent"),
        ("6 ft, 20 m², 3.5GHz", "six feet, twenty square meters, three point five gigahertz"),
        ("wait 5 s, run 10 mi", "wait five seconds, run ten miles"),
        ("6 in. of rain, 5 in a row", "six inches of rain, five in a row"),
        ("1 tsp salt, 2 tbsp oil", "one teaspoon salt, two tablespoons oil"),
        (
            "$5/month, 60 miles/hour, 3 mg/kg",
            "five dollars per month, sixty miles per hour, three milligrams per kilogram",
        ),
        # sums and marks
        ("10/2=5, 3 x 4 = 12", "ten divided by two = five, three times four = twelve"),
        ("2 x 3 x 4 = 24", "two times three times four = twenty four"),
        ("9.5/10, a 9/10, 95/100", "nine point five out of ten, a nine out of ten, ninety five out of one hundred"),
        # codes and rooms
        ("Your code is 123456.", "Your code is one two three four five six."),
        ("PIN 4821", "PIN four eight two one"),
        ("Room 1203, room 305", "Room twelve oh three, room three oh five"),
        ("Flight 2000, Highway 101", "Flight two thousand, Highway one oh one"),
        # telephones
        ("555-0142", "five five five, zero one four two"),
        ("(212) 555-0187", "two one two, five five five, zero one eight seven"),
        ("+86 138 1234 5678", "plus eight six, one three eight, one two three four, five six seven eight"),
        ("call 911", "call nine one one"),
        # ranges, versions
        ("pages 10–15, Mon-Fri", "pages ten to fifteen, Monday to Friday"),
        ("1999-2005", "nineteen ninety nine to two thousand five"),
        ("version 2.0.1, Python 3.11", "version two point zero point one, Python three point eleven"),
        ("A4 and 1½", "A four and one and a half"),
        # no time
        ("25:99", "twenty five to ninety nine"),
    ],
)
def test_digits_are_read_as_what_they_stand_for(written: str, spoken: str) -> None:
    assert re.sub(r" (?=[,.])", "", " ".join(as_words(written).split())) == spoken


@given(st.text(st.sampled_from("0123456789.,:/-–$£%°½²٣ akmpMT()+x'\n")))
@settings(deadline=None)
def test_no_digit_is_left(text: str) -> None:
    assert not re.search("[0-9]", spell_out(text))


@given(st.text())
@settings(deadline=None)
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(as_words(text), str)
