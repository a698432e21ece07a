"""Questions for the starter model with tools.

These were written afresh on 2026-11-22, after the prompts had been tuned on others; nothing was tuned on these.
"""

CURRENT = (
    "Is it windy in Chicago right now?",
    "what's the temperature in Helsinki at the moment",
    "I'm heading to the beach in Cape Town, how is the weather there now?",
    "Could you tell me today's weather in Edinburgh?",
    "Right now in Bangkok, how hot is it in celsius?",
    "成都现在出太阳了吗？",
    "看一下厦门现在多少度",
    "伦敦现在在下雨吗？",
    "沈阳外面现在冷不冷啊？",
    "帮我查查新加坡当前的天气，温度用摄氏度。",
)
PLACES_CURRENT = (
    ("chicago", "芝加哥"),
    ("helsinki", "赫尔辛基"),
    ("cape town", "开普敦"),
    ("edinburgh", "爱丁堡"),
    ("bangkok", "曼谷"),
    ("成都", "chengdu"),
    ("厦门", "xiamen", "amoy"),
    ("伦敦", "london"),
    ("沈阳", "shenyang"),
    ("新加坡", "singapore"),
)

FORECAST = (
    ("What's the forecast for Seattle for the next three days?", 3, ("seattle", "西雅图")),
    ("I'll be in Prague for the next 5 days. What weather can I expect there?", 5, ("prague", "praha", "布拉格")),
    ("Can I get the 6-day weather forecast for Nairobi?", 6, ("nairobi", "内罗毕")),
    ("montreal weather for the next four days in celsius", 4, ("montreal", "montréal", "蒙特利尔")),
    ("Will it stay dry in Budapest for the next two days?", 2, ("budapest", "布达佩斯")),
    ("杭州未来三天天气怎么样，适合露营吗？", 3, ("杭州", "hangzhou")),
    ("我们要去三亚玩，查下那里未来七天的天气预报", 7, ("三亚", "sanya")),
    ("巴黎接下来五天会不会很冷？", 5, ("巴黎", "paris")),
    ("郑州未来4天的天气预报，谢谢。", 4, ("郑州", "zhengzhou")),
    ("首尔后面两天天气怎么样？用摄氏度说。", 2, ("首尔", "seoul")),
)

UNITS = {
    "Right now in Bangkok, how hot is it in celsius?": "celsius",
    "帮我查查新加坡当前的天气，温度用摄氏度。": "celsius",
    "montreal weather for the next four days in celsius": "celsius",
    "首尔后面两天天气怎么样？用摄氏度说。": "celsius",
}

NO_TOOL = (
    "Hey, good to hear your voice!",
    "Are you a real person?",
    "Can you tell me a riddle?",
    "What's the tallest mountain in Africa?",
    "I'm feeling really stressed this week.",
    "How would you explain 'nostalgia' to a child?",
    "Who invented the telephone?",
    "Alright, talk to you later!",
    "A thunderstorm kept me awake all night.",
    "Do you think robots will ever have feelings?",
    "嗨，在干嘛呢？",
    "你今年几岁了？",
    "说个绕口令来听听。",
    "长城是什么时候修建的？",
    "我养的小猫走丢了，好伤心。",
    "给我解释一下“塞翁失马”这个成语。",
    "牛顿有哪些贡献？",
    "辛苦啦，下次再聊。",
    "我小时候最爱在雨里踩水。",
    "猫为什么会打呼噜？",
)
