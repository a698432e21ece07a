import json

import pytest
from tests.end_to_end.processes import Home


@pytest.mark.models
def test_the_doctor_tries_every_engine_of_this_machine(home: Home):
    done = home.run("doctor", "--json", "--deep", "--set", "server.port=0", timeout=600)
    told = json.loads(done.stdout)
    findings = {each["check"]: each for each in told["findings"]}
    assert {each["check"]: each["measured"] for each in told["findings"] if each["verdict"] == "problem"} == {}
    assert done.returncode == 0
    assert findings["asr zh"]["figures"]["likeness"] >= 0.8
    assert findings["asr en"]["figures"]["likeness"] >= 0.8
    assert findings["llm"]["figures"]["tokens_per_s"] > 0
    assert findings["vad"]["figures"]["speech_share"] > 0.5
    assert all(findings["turn"]["figures"]["whole"][each] > 0.5 for each in ("zh", "en"))
    assert all(findings["turn"]["figures"]["breaks_off"][each] < 0.5 for each in ("zh", "en"))
    assert findings["embed"]["figures"]["dimensions"] == 384
    assert findings["reply"]["figures"]["first_sound_s"].keys() == {"zh", "en"}
    assert "every byte" in findings["weights"]["measured"]
