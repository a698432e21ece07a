import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.end_to_end.processes import Home

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def question(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "question.wav"
    spoken = home.run("say", "What is the capital of France?", "-o", str(path))
    assert spoken.returncode == 0, spoken.stderr
    return path


def hear(home: Home, path: Path) -> str:
    return home.run("transcribe", str(path)).stdout.strip()


def test_say_is_heard_as_it_was_written(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "hello.wav"
    spoken = home.run("say", "你好！很高兴见到你！", "--emotion", "开心", "-o", str(out))
    assert spoken.returncode == 0, spoken.stderr
    heard = hear(home, out)
    assert "你好" in heard
    assert "高兴" in heard


def test_emotions_sound_different(home: Home, tmp_path: Path) -> None:
    lengths = {}
    for emotion in ("平静", "悲伤", "开心"):
        out = tmp_path / f"{emotion}.wav"
        home.run("say", "今天天气很好，我们去公园吧。", "--emotion", emotion, "-o", str(out))
        lengths[emotion] = soundfile.info(out).duration
    assert lengths["开心"] < lengths["平静"] * 0.95
    assert lengths["悲伤"] > lengths["平静"] * 1.05


def test_a_turn_hears_answers_and_speaks(home: Home, question: Path, tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    turn = home.run("turn", "--audio", str(question), "--out", str(out), "--json", "--set", "llm.temperature=0")
    assert turn.returncode == 0, turn.stderr
    told = json.loads(turn.stdout)
    assert told["outcome"] == "completed"
    assert "capital of France" in told["transcript"]["text"]
    assert told["transcript"]["language"] == "en"
    assert "Paris" in told["reply"]["display"]
    assert "[" not in told["reply"]["display"]
    assert told["reply"]["display"].startswith("".join(segment["display"] for segment in told["segments"]))
    assert list(told["stages_ms"]) == sorted(told["stages_ms"], key=told["stages_ms"].__getitem__)
    assert set(told["stages_ms"]) == {"heard", "first_token", "first_segment", "first_audio", "reply", "turn"}
    assert "Paris" in hear(home, out)
    assert soundfile.info(out).duration * 1000 == pytest.approx(sum(s["audio_ms"] for s in told["segments"]), abs=50)


def test_a_turn_in_words_shows_both_sides(home: Home, question: Path) -> None:
    turn = home.run("turn", "--audio", str(question), "--persona", "孙悟空")
    assert turn.returncode == 0, turn.stderr
    assert "capital of France" in turn.stdout
    assert "孙悟空" in turn.stderr


def test_silence_gets_no_answer(home: Home, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(32000), 16000)
    turn = home.run("turn", "--audio", str(silence), "--out", str(tmp_path / "reply.wav"))
    assert turn.returncode == 1
    assert "Nobody speaks" in turn.stderr
    assert not (tmp_path / "reply.wav").exists()


def test_chat_streams_remembers_and_switches_persona(home: Home) -> None:
    lines = "My favourite number is 47.\nWhat is my favourite number?\n/persona 钢铁侠\n/persona nobody\n/quit\n"
    chat = home.run("chat", "--set", "llm.temperature=0", stdin=lines)
    assert chat.returncode == 0, chat.stderr
    assert "47" in chat.stdout
    assert "钢铁侠" in chat.stderr
    assert "nobody" in chat.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["turn", "--audio", "{question}", "--persona", "gandalf"], "gandalf"),
        (["turn", "--audio", "missing.wav"], "missing.wav"),
        (["transcribe", "{text}"], "not an audio file"),
        (["say", "hello", "-o", "missing/hello.wav"], "missing"),
        (["say", "hello", "-o", "{out}", "--emotion", "bored"], "bored"),
        (["say", "hello", "-o", "{out}", "--voice", "nobody"], "nobody"),
        (["say", "……", "-o", "{out}"], "can be spoken"),
        (["serve", "--set", "llm.engine=hal"], "hal"),
        (["serve", "--set", "llm.modle=x"], "llm.modle"),
        (["serve", "--set", "nonsense"], "KEY=VALUE"),
        (["chat", "--set", "llamacpp.model=no-such-model"], "no-such-model"),
        (["models", "path", "no-such-model"], "no-such-model"),
    ],
)
def test_bad_input_is_told_in_a_sentence(
    home: Home, question: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "text.wav").write_text("this is no sound")
    places = {"{question}": question, "{text}": tmp_path / "text.wav", "{out}": tmp_path / "out.wav"}
    ended = home.run(*(str(places.get(argument, argument)) for argument in arguments))
    assert ended.returncode in (1, 2)
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out.wav").exists()


def test_an_unknown_environment_name_is_told(home: Home) -> None:
    ended = Home(home.folder, home.environ | {"MYNA_LMM__MODEL": "x"}).run("transcribe", "x.wav")
    assert ended.returncode == 2
    ended = Home(home.folder, home.environ | {"MYNA_LMM__MODEL": "x"}).run("config", "show")
    assert ended.returncode == 2
    assert "MYNA_LMM__MODEL" in ended.stderr
