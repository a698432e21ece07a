import re
from pathlib import Path

import pytest

from myna.core.emotion import TWINS, Emotions
from myna.personas.emotions import DEFAULT_STYLES, PersonaEmotions
from myna.personas.load import Personas, read_persona
from myna.personas.model import About, BaseVoice, Example, LLMOverrides, Persona

PAGE = (Path(__file__).parents[2] / "docs" / "personas.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def load(tmp_path: Path, text: str) -> Persona:
    file = tmp_path / "persona.toml"
    file.write_text(text, encoding="utf-8")
    return read_persona(file)


def test_the_smallest_example_loads(tmp_path: Path) -> None:
    assert load(tmp_path, BLOCKS[0]).style_for("Happy").voice == "af_heart"


def test_the_whole_example_loads_and_means_what_it_says(tmp_path: Path) -> None:
    keeper = load(tmp_path, BLOCKS[1])
    happy, proud = keeper.style_for("Happy"), keeper.style_for("得意")
    assert happy.voice == {"zm_yunyang": 0.7, "zm_yunjian": 0.3}
    assert (happy.speed, happy.pitch) == (pytest.approx(0.9 * 1.08), 0)
    assert (proud.voice, proud.speed, proud.pitch) == ("zm_yunjian", 0.9, 0)
    assert keeper.emotions_spoken(Emotions()).find("自豪") == "得意"


def test_the_whole_example_shows_every_field() -> None:
    for table in (Persona, Example, BaseVoice, PersonaEmotions, LLMOverrides, About):
        for field in table.model_fields:
            assert re.search(rf"^\[*([a-z]+\.)?{field}\b", BLOCKS[1], re.MULTILINE), field


def test_the_page_lists_the_built_in_personas() -> None:
    for persona in Personas().all:
        assert f"| `{persona.id}` | {persona.avatar} {persona.name}" in PAGE


def test_the_page_gives_the_default_styles() -> None:
    for name, style in DEFAULT_STYLES.items():
        sign = "+" if style.pitch > 0 else "−"
        assert f"| {name} {TWINS[name]} | × {style.speed:.2f} | {sign} {abs(style.pitch):g} |" in PAGE
