"""What must hold of all that a client is told, whatever happens and whatever it sends."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

PARTS = {"response.output_audio.delta", "response.output_audio_transcript.delta", "response.output_text.delta"}

SPOKEN = {"response.output_audio", "response.output_audio_transcript"}


@dataclass
class Output:
    """An item of a response, as far as it was told."""

    index: int
    text: str = ""
    part: str = "none"  # then open, then done
    ended: set[str] = field(default_factory=set[str])
    done: bool = False


@dataclass
class Watch:
    """Sees every event once, in order, and fails at the first that breaks the order."""

    event_ids: set[str] = field(default_factory=set[str])
    responses: dict[str, str] = field(default_factory=dict[str, str])
    outputs: dict[tuple[str, str], Output] = field(default_factory=dict[tuple[str, str], Output])
    items: dict[str, str] = field(default_factory=dict[str, str])
    speech: dict[str, str] = field(default_factory=dict[str, str])
    deltas: dict[str, str] = field(default_factory=lambda: defaultdict[str, str](str))
    transcribed: set[str] = field(default_factory=set[str])

    def see(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            assert event["event_id"] not in self.event_ids
            self.event_ids.add(event["event_id"])
            self._see(event["type"], event)

    def _see(self, kind: str, event: dict[str, Any]) -> None:
        match kind.split("."):
            case ["response", "created"]:
                self._created(event["response"])
            case ["response", "done"]:
                self._done(event["response"])
            case ["response", *_]:
                self._of_response(kind, event)
            case ["input_audio_buffer", *_]:
                self._of_speech(kind, event)
            case ["conversation", "item", "input_audio_transcription", _]:
                self._of_transcript(kind, event)
            case ["conversation", "item", what]:
                self._of_item(what, event)
            case ["output_audio_buffer", "cleared"]:
                assert self.responses[event["response_id"]] == "done"
            case ["session", _] | ["error"] | ["myna", *_]:
                pass
            case _:
                raise AssertionError(kind)

    def _created(self, response: dict[str, Any]) -> None:
        assert response["id"] not in self.responses
        assert (response["status"], response["output"]) == ("in_progress", [])
        self.responses[response["id"]] = "running" if response["conversation_id"] else "apart"

    def _done(self, response: dict[str, Any]) -> None:
        assert self.responses[response["id"]] in ("running", "apart")
        self.responses[response["id"]] = "done"
        mine = {item: output for (owner, item), output in self.outputs.items() if owner == response["id"]}
        assert all(output.done for output in mine.values())
        assert {item["id"]: index for index, item in enumerate(response["output"])} == {
            item: output.index for item, output in mine.items()
        }
        assert response["status"] in ("completed", "cancelled", "incomplete", "failed")
        assert (response["status_details"] is None) == (response["status"] == "completed")

    def _of_response(self, kind: str, event: dict[str, Any]) -> None:
        state = self.responses[event["response_id"]]
        assert state in ("running", "apart"), f"{kind} of no running response"
        if state == "running":  # the first that is
            assert event["response_id"] == next(one for one, state in self.responses.items() if state == "running")
        owner, index = event["response_id"], event["output_index"]
        item = event.get("item_id") or event["item"]["id"]
        if kind == "response.output_item.added":
            assert index == sum(1 for response, _ in self.outputs if response == owner)
            assert event["item"]["status"] == "in_progress"
            self.outputs[owner, item] = Output(index)
            return
        output = self.outputs[owner, item]
        assert output.index == index
        assert not output.done
        self._of_output(kind, event, output)

    def _of_output(self, kind: str, event: dict[str, Any], output: Output) -> None:
        match kind:
            case "response.content_part.added":
                assert output.part == "none"
                output.part = "open"
            case "response.content_part.done":
                assert output.part == "open"
                assert output.ended in ({"response.output_text"}, SPOKEN)
                assert (event["part"].get("transcript") or event["part"].get("text") or "") == output.text
                output.part = "done"
            case "response.output_item.done":
                assert output.part != "open"
                output.done = True
            case "response.function_call_arguments.delta" | "response.function_call_arguments.done":
                assert output.part == "none"
            case _:
                assert output.part == "open"
                stream = kind.rpartition(".")[0]
                assert stream not in output.ended
                if kind in PARTS and stream != "response.output_audio":
                    output.text += event["delta"]
                elif kind.endswith(".done"):
                    output.ended.add(stream)
                    assert event.get("transcript", event.get("text", output.text)) == output.text

    def _of_speech(self, kind: str, event: dict[str, Any]) -> None:
        item, state = event.get("item_id"), self.speech.get(event.get("item_id", ""))
        match kind.removeprefix("input_audio_buffer."):
            case "speech_started":
                assert state is None
                self.speech[item or ""] = "started"
            case "speech_stopped":
                assert state == "started"
                self.speech[item or ""] = "stopped"
            case "timeout_triggered":
                assert state is None
                self.speech[item or ""] = "stopped"
            case "committed":
                assert state in (None, "stopped")
                assert item not in self.items
                self.speech[item or ""] = "committed"
            case kind:
                assert kind == "cleared"

    def _of_transcript(self, kind: str, event: dict[str, Any]) -> None:
        item = event["item_id"]
        assert item not in self.transcribed
        match kind.rpartition(".")[2]:
            case "delta":
                self.deltas[item] += event["delta"]
            case "completed" | "failed":
                assert self.speech[item] == "committed"
                self.transcribed.add(item)
            case kind:
                assert kind == "segment"

    def _of_item(self, what: str, event: dict[str, Any]) -> None:
        item = event.get("item_id") or event["item"]["id"]
        match what:
            case "added":
                assert item not in self.items
                self.items[item] = event["item"]["status"]
            case "done":
                assert item in self.items
                assert self.items[item] != "done"
                self.items[item] = "done"
            case "deleted" | "truncated" | "retrieved":
                pass
            case _:
                raise AssertionError(what)

    def ends(self) -> None:
        """All turns have ended."""
        assert set(self.responses.values()) <= {"done"}
        assert set(self.items.values()) <= {"done"}
        assert "started" not in self.speech.values()
