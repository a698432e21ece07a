import pytest

from myna.engines.tts.english_short_forms import expand


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Dr. Lee and Mr Smith", "Doctor Lee and Mister Smith"),
        ("42 Oak Dr.", "42 Oak Drive."),
        ("St. James St. near it", "Saint James Street near it"),
        ("in St. Petersburg. Main St.", "in Saint Petersburg. Main Street."),
        ("fruit, e.g. pears, etc.", "fruit, for example pears, et cetera."),
        ("Smith vs. Jones", "Smith versus Jones"),
        ("cats vs dogs w/ or w/o VS Code", "cats versus dogs with or without VS Code"),
        ("C# and F#, but #5", "C sharp and F sharp, but number 5"),
        ("AT&T does R&D", "A T and T does R and D"),
        ("No. 5, pp. 10-12, v2.0", "number 5, pages 10-12, version 2.0"),
        ("No. I will not.", "No. I will not."),
        ("Henry VIII, World War II, Chapter IV", "Henry the eighth, World War two, Chapter four"),
        ("Did Henry V? I did.", "Did Henry the fifth? I did."),
        ("a book. Book I read, Act I, Gen Z, Gen. Lee", "a book. Book I read, Act one, Gen Z, General Lee"),
        ("Vitamin C and plan X", "Vitamin C and plan X"),
        ("anna.smith-2@example.com", "anna dot smith dash 2 at example dot com"),
        ("Apple Inc. has Wi-Fi", "Apple Incorporated has WiFi"),
        ("Mrs. Dalloway, Mt. Everest", "Missis Dalloway, Mount Everest"),
    ],
)
def test_short_forms_are_read_as_words(written: str, spoken: str) -> None:
    assert expand(written) == spoken
