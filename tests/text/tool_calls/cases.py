"""Replies as models write them, by format, and what is in them: text, and calls as name and arguments.

They follow the chat templates and the parsers that are published for these models (vLLM, SGLang, llama.cpp, the models'
own cards), and what the starter model does.
"""

from typing import Any, TypeAlias

Expected: TypeAlias = list[str | tuple[str, dict[str, Any]]]

TOOLS: dict[str, dict[str, Any]] = {
    "get_weather": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "detailed": {"type": "boolean"},
            "hours": {"type": "array", "items": {"type": "integer"}},
        },
    },
    "get_time": {"type": "object", "properties": {}},
    "get": {"type": "object", "properties": {"zip": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
    "write_file": {"type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}}},
}

BEIJING = ("get_weather", {"city": "北京"})
PARIS = ("get_weather", {"city": "Paris", "days": 3})
TIME: tuple[str, dict[str, Any]] = ("get_time", {})
J_BEIJING = '{"name": "get_weather", "arguments": {"city": "北京"}}'
J_PARIS = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}'
J_TIME = '{"name": "get_time", "arguments": {}}'
DIFFICULT = 'a "quote", a \\ and\n</tool_call>\n```\n}]) <|eot_id|> 中文 😀'
J_DIFFICULT = (
    '{"path": "a.md", "text": '
    r'"a \"quote\", a \\ and\n</tool_call>\n```\n}]) <|eot_id|> 中文 😀"}'
)
WRITE = ("write_file", {"path": "a.md", "text": DIFFICULT})

CALLS: dict[str, list[tuple[str, Expected]]] = {
    "Hermes": [
        (f"<tool_call>\n{J_BEIJING}\n</tool_call>", [BEIJING]),
        (f"好的，我查一下。\n<tool_call>\n{J_BEIJING}\n</tool_call>", ["好的，我查一下。", BEIJING]),
        (f"<tool_call>\n{J_BEIJING}\n</tool_call>\n<tool_call>\n{J_PARIS}\n</tool_call>", [BEIJING, PARIS]),
        (f"<tool_call>\n{J_BEIJING}\n{J_PARIS}\n</tool_call>", [BEIJING, PARIS]),
        (f"<tool_call>[{J_BEIJING}, {J_PARIS}]</tool_call> ok", [BEIJING, PARIS, "ok"]),
        ('<tool_call>\nget_weather(city="北京")\n</tool_call> ok', [BEIJING, "ok"]),
        (
            f"<tool_call>{J_BEIJING}</tool_call>\n<tool_response>\n{{}}\n</tool_response>\nFine.",
            [BEIJING, "Fine."],
        ),
        (f"<tool_call>{J_BEIJING}", [BEIJING]),  # the closing tag is a stop token for some servers
        (f"<tool_call>\n{J_BEIJING[:-1]}\n</tool_call>", [BEIJING]),  # a bracket too few
        (f"<tool_call>\n{J_BEIJING}}}\n</tool_call>Hm", [BEIJING, "Hm"]),  # and one too many
        ('<tool_call>\n{"arguments": {"city": "北京"}, "name": "get_weather"}\n</tool_call>', [BEIJING]),
        ("<tool_call>\n{'name': 'get_weather', 'arguments': {'city': '北京'}}\n</tool_call>", [BEIJING]),
        ('<tool_call>{"name": "get_time"}</tool_call>', [TIME]),
        ('<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"北京\\"}"}</tool_call>', [BEIJING]),
        (f'<tool_call>{{"name": "write_file", "arguments": {J_DIFFICULT}}}</tool_call>', [WRITE]),
        ('<tool_call>{"name": "no_such", "arguments": {"a": 1}}</tool_call>', [("no_such", {"a": 1})]),
        (f"[Happy] [Calm]\n<tool_call>{J_TIME}</tool_call>\nOne moment.", ["[Happy] [Calm]", TIME, "\nOne moment."]),
        (f"<tools>\n{J_BEIJING}\n</tools>", [BEIJING]),  # Qwen2.5-Coder
        (f"<tool_calls>[{J_BEIJING}]</tool_calls>", [BEIJING]),  # Jamba
        (f"<function_call> {J_BEIJING} </function_call>", [BEIJING]),
        (f"<functioncall> {J_BEIJING} <|endoftext|>", [BEIJING]),  # Glaive
        (
            '<tool_call>{"name": "write_file", "arguments": {"text": "two\nlines"}}</tool_call>',
            [("write_file", {"text": "two\nlines"})],
        ),
    ],
    "JSON": [
        (J_BEIJING, [BEIJING]),
        (f"[Happy] [Calm]\n{J_BEIJING}", ["[Happy] [Calm]", BEIJING]),
        (f"[开心]{J_BEIJING}好了", ["[开心]", BEIJING, "好了"]),
        (f"Let me check: {J_BEIJING} One moment.", ["Let me check:", BEIJING, " One moment."]),
        (f"{J_BEIJING}\n{J_PARIS}", [BEIJING, PARIS]),
        (f"{J_BEIJING}; {J_PARIS}", [BEIJING, PARIS]),
        (f"{J_BEIJING},\n{J_PARIS}", [BEIJING, PARIS]),
        (f"[{J_BEIJING}, {J_PARIS}]", [BEIJING, PARIS]),
        (
            (
                '[\n    {\n        "name": "get_weather",\n        '
                '"arguments": {\n            "city": "北京"\n        }\n    }\n]'
            ),
            [BEIJING],
        ),
        ('{"name": "get_weather", "parameters": {"city": "北京"}}', [BEIJING]),  # Llama 3
        ('{"type": "function", "name": "get_weather", "parameters": {"city": "北京"}}', [BEIJING]),
        ('{"type": "function", "function": "get_weather", "parameters": {"city": "北京"}}', [BEIJING]),
        ('{"function": {"name": "get_weather", "arguments": {"city": "北京"}}}', [BEIJING]),
        (
            (
                '{"id": "call_1", "type": "function", '
                '"function": {"name": "get_weather", "arguments": "{\\"city\\":\\"北京\\"}"}}'
            ),
            [BEIJING],
        ),
        ('{"tool_calls": [{"name": "get_time", "arguments": {}}]}', [TIME]),
        ('{"tool": "get_weather", "args": {"city": "北京"}}', [BEIJING]),
        ('{"action": "get_weather", "action_input": {"city": "北京"}}', [BEIJING]),
        ('{"name": "get_time"}', [TIME]),
        ('{"name": "get_time", "arguments": null}', [TIME]),
        ("{'name': 'get_weather', 'arguments': {'city': 'Paris', 'days': 3}}", [PARIS]),
        (f"{J_BEIJING}\n</tool_call>", [BEIJING]),  # the opening tag forgotten
        (f"{J_BEIJING[:-1]}", [BEIJING]),
        (f"{J_BEIJING}}} Hm", [BEIJING, "Hm"]),
        (f'{{"name": "write_file", "arguments": {J_DIFFICULT}}}', [WRITE]),
        (f"{J_BEIJING}<|im_end|>", [BEIJING]),
    ],
    "Fenced JSON": [
        (f"```json\n{J_BEIJING}\n```", [BEIJING]),
        (f"Sure!\n\n```json\n{J_BEIJING}\n```\n\nWait.", ["Sure!", BEIJING, "\n\nWait."]),
        (f"```\n{J_BEIJING}\n```", [BEIJING]),
        (f"```tool_call\n{J_BEIJING}\n```", [BEIJING]),
        (f"```json\n[\n  {J_BEIJING},\n  {J_PARIS}\n]\n```", [BEIJING, PARIS]),
        (f"```json\n{J_BEIJING}\n{J_PARIS}\n```", [BEIJING, PARIS]),
        (f"```json\n{J_BEIJING}\n```\n```json\n{J_PARIS}\n```", [BEIJING, PARIS]),
        (f"```xml\n<tool_call>\n{J_BEIJING}\n</tool_call>\n```", [BEIJING]),
        (f"```xml\n<tools>\n{J_BEIJING}\n</tools>\n```", [BEIJING]),
        (f'```json\n{{"name": "write_file", "arguments": {J_DIFFICULT}}}\n```!', [WRITE, "!"]),
        (f"```json\n{J_BEIJING}", [BEIJING]),
        (f"```json\n{J_BEIJING}\nThe weather is fine.", [BEIJING, "The weather is fine."]),
        (f'```json\n{J_BEIJING}\n{{"temperature": 22}}\n```\nFine.', [BEIJING, "Fine."]),
        (f"```json {J_BEIJING} ```", [BEIJING]),
    ],
    "Llama 3": [
        ('<|python_tag|>{"name": "get_weather", "parameters": {"city": "北京"}}<|eom_id|>', [BEIJING]),
        ('<|python_tag|>{"type": "function", "name": "get_weather", "parameters": {"city": "北京"}}', [BEIJING]),
        (
            (
                '<|python_tag|>{"name": "get_time", "parameters": {}}'
                '; {"name": "get_weather", "parameters": {"city": "北京"}}'
            ),
            [TIME, BEIJING],
        ),
        ('<|python_tag|>get_weather.call(city="北京")<|eom_id|>', [BEIJING]),
        ('<|python_tag|>[get_weather(city="Paris", days=3)]', [PARIS]),
        ('<function=get_weather>{"city": "北京"}</function>', [BEIJING]),
        ('<function=get_weather>{"city": "北京"}</function><function=get_time>{}</function>', [BEIJING, TIME]),
        ('<function=get_weather{"city": "北京"}</function>', [BEIJING]),  # the bracket forgotten
        ('<function=get_weather({"city": "北京"})</function>', [BEIJING]),
    ],
    "Python": [
        ('[get_weather(city="北京")]', [BEIJING]),
        ("[get_weather(city='Paris', days=3), get_time()]", [PARIS, TIME]),
        (
            '[get_weather(city="Paris", detailed=true, hours=[1, 2])]',
            [("get_weather", {"city": "Paris", "detailed": True, "hours": [1, 2]})],
        ),
        ('```tool_code\nget_weather(city="北京")\n```', [BEIJING]),  # Gemma
        ('```tool_code\nprint(get_weather(city="北京"))\n```', [BEIJING]),
        ('```tool_code\n[get_weather(city="北京"), get_time()]\n```ok', [BEIJING, TIME, "ok"]),
        (
            r'[write_file(path="C:\dir", text="it\'s [fine] (really)")]',
            [("write_file", {"path": "C:\\dir", "text": "it's [fine] (really)"})],
        ),
    ],
    "Mistral": [
        (f"[TOOL_CALLS] [{J_BEIJING}]", [BEIJING]),
        (f"[TOOL_CALLS][{J_BEIJING}, {J_PARIS}]", [BEIJING, PARIS]),
        (f"[TOOL_CALLS]{J_BEIJING}", [BEIJING]),
        ('[TOOL_CALLS]get_weather[ARGS]{"city": "北京"}', [BEIJING]),
        ('[TOOL_CALLS]get_weather[ARGS]{"city": "北京"}[TOOL_CALLS]get_time[ARGS]{}', [BEIJING, TIME]),
        ('[TOOL_CALLS]get_weather[CALL_ID]abc123xyz[ARGS]{"city": "北京"}', [BEIJING]),
        ('I look. [TOOL_CALLS]get_weather{"city": "北京"}', ["I look.", BEIJING]),
        (f"[TOOL_CALLS]write_file[ARGS]{J_DIFFICULT}", [WRITE]),
    ],
    "Qwen3-Coder": [
        (
            "<tool_call>\n<function=get_weather>\n<parameter=city>\n北京\n</parameter>\n</function>\n</tool_call>",
            [BEIJING],
        ),
        (
            (
                "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
                "</function>\n</tool_call>\n<tool_call>\n<function=get_time>\n</function>\n</tool_call>"
            ),
            [PARIS, TIME],
        ),
        ("<function=get_weather>\n<parameter=city>\n北京\n</parameter>\n</function>\n</tool_call>", [BEIJING]),
        (
            "<tool_call>\n<function=get_weather>\n<parameter=city>\n北京\n<parameter=days>\n3\n</function>\n</tool_call>",
            [("get_weather", {"city": "北京", "days": 3})],
        ),
        ("<function=get><parameter=zip>\n01234\n</parameter></function>", [("get", {"zip": "01234"})]),
        ("<function=get><parameter=zip>null</parameter></function>", [("get", {"zip": None})]),
        (
            (
                "<function=write_file>\n<parameter=text>\nif a < b:\n"
                '    <b>x</b> {"name": "get_time"}\n\n</parameter>\n</function>'
            ),
            [("write_file", {"text": 'if a < b:\n    <b>x</b> {"name": "get_time"}\n'})],
        ),
        (
            (
                "<function=get_weather>\n<parameter=detailed>\nTrue\n</parameter>\n"
                "<parameter=hours>\n[1, 2]\n</parameter>\n</function>"
            ),
            [("get_weather", {"detailed": True, "hours": [1, 2]})],
        ),
    ],
    "GLM-4.5": [
        ("<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>北京</arg_value>\n</tool_call>", [BEIJING]),
        (
            (
                "\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n"
                "<arg_value>3</arg_value>\n</tool_call>"
            ),
            [PARIS],
        ),
        ("<tool_call>get_time\n</tool_call>", [TIME]),
        ('<tool_call>get_weather\n{"city": "北京"}\n</tool_call>', [BEIJING]),
    ],
    "InternLM": [
        (
            '<|action_start|><|plugin|>\n{"name": "get_weather", "parameters": {"city": "北京"}}<|action_end|>',
            [BEIJING],
        ),
        (
            (
                "我来查询。<|action_start|><|plugin|>"
                '{"name": "get_weather", "parameters": {"city": "北京"}}<|action_end|>\n'
            ),
            ["我来查询。", BEIJING],
        ),
    ],
    "DeepSeek": [
        (
            (
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
                '{"city": "北京"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
            ),
            [BEIJING],
        ),
        (
            (
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>"
                '{"city": "北京"}<｜tool▁call▁end｜>'
                "<｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
            ),
            [BEIJING, TIME],
        ),
        ('Ok.\n\n<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "北京"}', ["Ok.", BEIJING]),
    ],
    "Kimi": [
        (
            (
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
                '{"city": "北京"}<|tool_call_end|><|tool_call_begin|>functions.get_time:1<|tool_call_argument_begin|>{}'
                "<|tool_call_end|><|tool_calls_section_end|>"
            ),
            [BEIJING, TIME],
        ),
    ],
    "others": [
        (f"<|tool_call|>[{J_BEIJING}]<|/tool_call|>", [BEIJING]),  # Phi-4-mini, Granite
        (f"<TOOLCALL>[{J_BEIJING}]</TOOLCALL>", [BEIJING]),  # Nemotron
        (
            (
                "<|START_ACTION|>["
                '{"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "北京"}}]<|END_ACTION|>'
            ),
            [BEIJING],
        ),  # Command R7B
        (
            (
                '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">北京</parameter>\n</invoke>\n'
                "</minimax:tool_call>"
            ),
            [BEIJING],
        ),
        ('>>>get_weather\n{"city": "北京"}', [BEIJING]),  # Functionary
        ('✿FUNCTION✿: get_weather\n✿ARGS✿: {"city": "北京"}', [BEIJING]),  # Qwen-Agent
    ],
    "behind what was not closed": [
        *(
            (
                f"{before}<tool_call>\n{J_TIME}\n</tool_call>\nOk.",
                [before.rstrip(), TIME, f"{before[len(before.rstrip()) :]}Ok."],
            )
            for before in (
                'Here is {"a": [1, 2 and so on.\n',
                'Set: {"x", "y"\n',
                'a "{" b {"it\'s: ',
                "[{ ",
                '{{"a"\n\n',
                'Use [{"x": 1}, \n\n',
                "He said {'a': 1\n",
                "```python\nprint(1)\n",
                "````\n```\n",
            )
        ),
        ('{"a": 1, [TOOL_CALLS]get_time[ARGS]{} {"b": 2}', ['{"a": 1,', TIME, ' {"b": 2}']),
        (f"{{'a': 1\n```json\n{J_TIME}\n```", ["{'a': 1", TIME]),
        (
            "```python\nx = 1\n" + 2 * "<function=get_time></function>\n" + f"{J_TIME}\n```\n{J_TIME}",
            ["```python\nx = 1", TIME, TIME, f"\n{J_TIME}\n```", TIME],
        ),
    ],
}

NO_CALLS = [
    "",
    "Hello there, how are you?",
    "  white space \n\n stays \n",
    "a < b, c > d, [1], [x](http://y), {z}, `code`, ``a ` b``, 1 << 2, <b>bold</b>, f(x)",
    'Here is some JSON: {"name": "Bob", "arguments": {"age": 3}}',
    '```json\n{"name": "Alice", "age": 30}\n```\nThat is an object.',
    '```json\n[\n  {"name": "Bob"},\n  {"name": "get_weather"}\n]\n```',
    '{"name": "get_weather", "description": "Tells the weather.", "parameters": {"type": "object"}}',
    '{"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}',
    '[{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}]',
    '{"name": "get_weathers", "arguments": {}}',
    '{"name": "get_weather", "arguments": 5}',
    '{"names": ["get_weather"], "arguments": {}}',
    '[{"role": "assistant", "tool_calls": [{"name": "get_time", "arguments": {}}]}]',
    '{\n  "calls": 3,\n  "last": {"name": "get_time", "arguments": {}}\n}',
    f"You write `{J_BEIJING}` for that.",
    f"He wrote “{J_BEIJING}” and '{J_TIME}'.",
    f'```python\ncall = {J_BEIJING}\nprint(get_weather(city="北京"))\n```',
    f"```python\n\n{J_BEIJING}\n```",
    f"```js\nsend({J_BEIJING})\n```\nand `{J_TIME}`",
    f"run({J_BEIJING})",
    "The `<tool_call>` tag begins a call, <tool_call> alone does not; [TOOL_CALLS] neither. </tool_call> ends it.",
    f"<think>\nI could call {J_BEIJING} or <tool_call>{J_TIME}</tool_call>.\n</think>\n\nNo need.",
    f"[THINK]<tool_call>{J_TIME}</tool_call>[/THINK]Done.",
    "<function=x> is not one, nor is <function=get_weather> without more; <invoke name= neither.",
    "[get_weather](http://example.com), [get_weather(city)], [get_time] and get_weather(city='Paris')",
    ">>> get_weather\n>>>get_time()",
    "<|im_end|> <|python_tag|>import os\nprint(1)",
    "unfinished {",
    "unfinished <",
    "unfinished ```",
    'unfinished {"name',
    "unfinished <tool_ca",
    "````md\n```json\n" + J_TIME + "\n```\n````",
    '{"a": "line\nbreak"} \\ "',
    f"```python\nx = '<tool_call>{J_TIME}</tool_call>'\n  <tool_call>{J_TIME}</tool_call>\n```",
    f"``<tool_call>{J_TIME}</tool_call>``",
    f"So it does:\n```\n[TOOL_CALLS] [{J_TIME}]\n```\n",
    "```html\n<function=get_time></function>\n```\n",
    '{"a": "<tool_call>{}</tool_call> <function=get_time></function>", "b": [{"c": "[TOOL_CALLS]get_time{}"}]}',
    "{'a': `<function=get_time></function>`",
    "```\n\n<tool_call> is what begins it\n<function=x> too\n<tool_ca",
    "{'a': <tool_call> }",
]
