"""The node: topics and services on one side, the line to the server on the other."""

import math
import time
import traceback
from dataclasses import replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from myna_ros_interfaces.srv import Say, SetPersona
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Empty, String
from std_srvs.srv import SetBool, Trigger

from myna_ros import news
from myna_ros.health import Health
from myna_ros.line import Line
from myna_ros.messages import AudioIn, AudioKind, AudioOut, message_type
from myna_ros.parameters import read
from myna_ros.pcm import BadAudio
from myna_ros.player import Sound
from myna_ros.settings import PARAMETERS, Parameter, Settings
from myna_ros.speech import Speech
from myna_ros.stop_words import StopWords
from myna_ros.tool_thread import ToolThread
from myna_ros.tools import tools_of

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MICROPHONE = QoSProfile(depth=100, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
LOUDSPEAKER = QoSProfile(depth=100, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)

SAY_AGAIN_S = 5.0
"""How often the same complaint is logged."""

SILENT_S = 5.0
"""After so long without audio something is wrong."""

ASKED, SAID, INTERRUPTED, LOST, ENDS = "asked", "said", "interrupted", "lost", "ends"
"""Why `VoiceNode.on_stop` is called: `~/stop`, a word, a barge-in, no connection, the node's end."""

LONGEST_ASK = 10_000
CLOSE_S = 0.8
FAREWELL_S = 0.3

STOP_KEYWORDS = ("停", "停下")
"""What is expected of Chinese speakers: a short 停 alone is heard as anything."""


class VoiceNode(Node):
    """A robot that hears and speaks. Subclass it, and mark what the robot can do with `myna_ros.tools.tool`.

    Args:
        name: The node's.
        defaults: Of parameters, in the place of its own.
        named: As of any `rclpy.node.Node`.
    """

    def __init__(self, name: str = "myna_voice", *, defaults: dict[str, Any] | None = None, **named: Any) -> None:
        super().__init__(name, **named)
        own = defaults or {}
        values = read(self, [_with_default(each, own.get(each.name)) for each in PARAMETERS])
        if values["language"] == "zh":
            values["keywords"] = [*STOP_KEYWORDS, *values["keywords"]]
        self.settings = Settings.of(values)
        self.health = Health(self.settings.url)
        self._stop_words = StopWords(self.settings.stop_words)
        self._stopped = False
        self._stopped_at_s = -math.inf  # by `~/stop`
        self._muted = False
        self._closed = False
        self._told: dict[str, float] = {}
        self._sound_at_s = time.monotonic()
        self._open_audio()
        self._open_topics()
        tools = list(tools_of(self))
        self._tools = ToolThread(tools, self._answer, self._tool_failed, self.settings.tool_timeout_s)
        self._guard = self.create_guard_condition(self._take_news)
        self._line = Line(self.settings, [spec.told() for spec, _ in tools], self._wake)
        self._speech = Speech(self.settings, self._line.order, lambda why: self._complain("say", why))
        self.create_timer(1.0, self._tell_health)
        self._state.publish(String(data="offline"))
        self._line.start()

    @property
    def stopped(self) -> bool:
        """For a tool to ask, in its own thread: whether `on_stop` was called since it was to run, or it was given up.

        Then it must not move anything any more.
        """
        return self._tools.stopped

    # ------------------------------------------------------------------------------------------- for robots to define

    def on_stop(self, why: str) -> None:
        """Stop all motion at once: called in the executor's thread. ``why`` is one of the five above.

        A tool may run meanwhile: share a lock with it, and let it ask `stopped` within.
        """

    def on_transcript(self, text: str) -> None:
        """The user has said this, for good."""

    # -------------------------------------------------------------------------------------------------------- opening

    def _open_audio(self) -> None:
        settings = self.settings
        try:
            found, self._audio_out = self._audio_of(settings.audio_type)
        except BadAudio as error:
            self.get_logger().error(f"audio_type: {error}. {Settings.audio_type} is used.")
            found, self._audio_out = self._audio_of(Settings.audio_type)
        kind = AudioKind(settings.audio_in_sample_rate, settings.audio_in_channels, settings.audio_in_format)
        self._audio_in = AudioIn(kind, settings.audio_in_channel)
        self.create_subscription(found, "~/audio_in", self._hear, MICROPHONE)
        self._loudspeaker = self.create_publisher(found, "~/audio_out", LOUDSPEAKER)

    def _audio_of(self, name: str) -> tuple[Any, AudioOut]:
        found = message_type(name)
        return found, AudioOut(found, self.settings.audio_out_sample_rate, lambda: self.get_clock().now().to_msg())

    def _open_topics(self) -> None:
        def text(name: str, qos: Any = 50) -> Publisher:
            return self.create_publisher(String, f"~/{name}", qos)

        self._flush = self.create_publisher(Empty, "~/flush", 10)
        self._partial, self._final = text("transcript/partial"), text("transcript")
        self._state, self._persona = text("state", LATCHED), text("persona", LATCHED)
        self._texts: dict[type, Publisher] = {
            news.Words: text("reply/partial"),
            news.Reply: text("reply"),
            news.Emotion: text("emotion", LATCHED),
            news.State: self._state,
        }
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(String, "~/ask", self._ask, 10)
        self.create_service(Trigger, "~/stop", self._stop)
        self.create_service(SetBool, "~/mute", self._mute)
        self.create_service(SetPersona, "~/set_persona", self._set_persona)
        self.create_service(Say, "~/say", self._say)

    def close(self) -> None:
        """End the line and all motion, within a second. A node is closed before it is destroyed."""
        if self._closed:
            return
        self._closed = True
        self._halt(ENDS)
        self._tools.close()
        self._speech.stop()
        if not self._line.close(CLOSE_S):
            self.get_logger().warning("The line to the server hangs, and is left.")
        self._state.publish(String(data="offline"))

    # ------------------------------------------------------------------------------------------------ from the robot

    def _hear(self, message: Any) -> None:
        self._sound_at_s = time.monotonic()
        if self._muted:
            return
        try:
            rate, pcm = self._audio_in.take(message)
        except BadAudio as error:
            self.health.bad_audio += 1
            self._complain("audio", f"A message on {self.resolve_topic_name('~/audio_in')} is left out: {error}.")
            return
        self._line.hear(rate, pcm)

    def _ask(self, message: String) -> None:
        text = message.data.strip()
        if not text or len(text) > LONGEST_ASK:
            self._complain("ask", f"A text of {len(text)} characters on ~/ask is left out; {LONGEST_ASK} are the most.")
            return
        self._take_news()  # a call of before is still refused
        self._hear_words(news.Heard(text, final=True, began_s=time.monotonic()))
        if not self._line.order(lambda dialogue, now_s: dialogue.ask(text, now_s)):
            self._complain("ask", f"Nobody can be asked: {self.health.message}")

    def _stop(self, _request: Any, response: Any) -> Any:
        self._speech.stop()
        self._line.order(lambda dialogue, now_s: dialogue.stop(now_s))
        self._stopped, self._stopped_at_s = True, time.monotonic()
        self._halt(ASKED)
        response.success, response.message = True, "Stopped."
        return response

    def _mute(self, request: Any, response: Any) -> Any:
        self._muted = bool(request.data)
        if self._muted:
            self._line.forget_heard()
        response.success, response.message = True, "Muted." if self._muted else "Listening."
        return response

    def _set_persona(self, request: Any, response: Any) -> Any:
        persona = request.persona.strip()
        if len(persona) > 100 or not persona.isprintable():
            response.success, response.message = False, "That is no persona."
            return response
        self._speech.stop()
        self._line.switch(persona)
        response.success, response.message = True, "~/persona tells who answers."
        return response

    def _say(self, request: Any, response: Any) -> Any:
        refusal = self._speech.say(request.text, request.voice) if self._line.connected else self.health.message
        response.success, response.message = not refusal, refusal or "Saying it."
        return response

    # ------------------------------------------------------------------------------------------------- from the line

    def _wake(self) -> None:
        if not self._closed:
            self._guard.trigger()

    def _take_news(self) -> None:
        for each in self._line.news():
            self._take(each)

    def _take(self, each: news.News) -> None:
        match each:
            case Sound(pcm):
                self._loudspeaker.publish(self._audio_out.make(pcm))
            case news.Heard(text, final):
                (self._final if final else self._partial).publish(String(data=text))
                self._hear_words(each)
            case news.Words(text) | news.Reply(text) | news.Emotion(text) | news.State(text):
                self._texts[type(each)].publish(String(data=text))
                if isinstance(each, news.State):
                    self.health.state = text
            case news.Flush():
                self._flush.publish(Empty())
            case _:
                self._act(each)

    def _act(self, each: news.News) -> None:
        match each:
            case news.Interrupted():
                self._speech.stop()
                self._halt(INTERRUPTED)
            case news.Call():
                self._call(each)
            case news.Fault(code, message):
                self.health.failed(message)
                self._complain(code, message)
            case news.Up() | news.Down():
                self._connection(each)
            case _:
                pass

    def _connection(self, each: news.Up | news.Down) -> None:
        if isinstance(each, news.Up):
            self.health.up(each.answers)
            self._persona.publish(String(data=each.answers.removeprefix("myna/")))
            self.get_logger().info(f"Connected to {self.settings.url}: {each.answers} answers.")
            return
        if self.health.down(each.why):
            self._speech.stop()
            self._halt(LOST)
        self._complain(each.why, f"{each.why} Trying again in {each.again_s:.1f} s.")

    def _hear_words(self, heard: news.Heard) -> None:
        stops = self._stop_words.found_in(heard.text)
        if heard.final and heard.began_s > self._stopped_at_s:
            self._stopped = self._stop_words.are_all_of(heard.text)
        elif stops:
            self._stopped = True
        if stops:
            self._halt(SAID)
        if heard.final:
            try:
                self.on_transcript(heard.text)
            except Exception:  # noqa: BLE001 - a robot's own code
                self.get_logger().error(f"on_transcript failed:\n{traceback.format_exc()}")

    def _call(self, call: news.Call) -> None:
        self.get_logger().info(f"{call.name}({call.arguments[:200]})")
        if self._stopped:
            self._answer(call.call_id, "Not done: the robot was stopped.")
        else:
            self._tools.run(call)

    def _answer(self, call_id: str, output: str) -> None:
        self._line.order(lambda dialogue, _now_s: dialogue.tool_done(call_id, output))

    def _tool_failed(self, name: str, error: BaseException) -> None:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.get_logger().error(f"The tool {name} failed:\n{lines}")

    def _halt(self, why: str) -> None:
        self._tools.forget()
        try:
            self.on_stop(why)
        except Exception:  # noqa: BLE001 - a robot's own code
            self.get_logger().error(f"on_stop failed:\n{traceback.format_exc()}")

    # ------------------------------------------------------------------------------------------------------- telling

    def _tell_health(self) -> None:
        silent_s = time.monotonic() - self._sound_at_s
        topic = self.resolve_topic_name("~/audio_in")
        self.health.silent = f"Nothing comes on {topic}." if silent_s > SILENT_S and not self._muted else ""
        if self.health.silent and self.count_publishers(topic):
            self._complain("silent", self.health.silent)
        self.health.heard_lost(self._line.lost_ms, self._line.unheard_ms)
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        array.status = [self.health.status(self.get_name())]
        self._diagnostics.publish(array)

    def _complain(self, what: str, message: str) -> None:
        """Log it, unless the same was logged a moment ago."""
        now_s = time.monotonic()
        if now_s - self._told.get(what, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            if len(self._told) > 100:
                self._told.clear()
            self._told[what] = now_s
            self.get_logger().warning(message)


def farewell(publisher: Publisher) -> None:
    """Wait a moment until what was published has arrived: a last zero must not be lost with its publisher."""
    publisher.wait_for_all_acked(Duration(seconds=FAREWELL_S))


def _with_default(parameter: Parameter, default: Any) -> Parameter:
    return parameter if default is None else replace(parameter, default=default)
