"""Questions for the starter model with tools. Written before any prompt was tuned, and not tuned on."""

CURRENT = (
    "What's the weather in Tokyo today?",
    "Can you tell me how the weather is in Boston right now?",
    "Is it cold in Moscow at the moment?",
    "Please check the current weather for Dublin, in celsius.",
    "I'm about to go out in Amsterdam. What's the weather like there?",
    "东京的天气怎么样？",
    "现在重庆的气温是多少？",
    "帮我看看悉尼现在是什么天气。",
    "我想知道南京此刻的天气，用摄氏度。",
    "今天苏州天气好不好？",
)
PLACES_CURRENT = (
    ("tokyo",),
    ("boston",),
    ("moscow",),
    ("dublin",),
    ("amsterdam",),
    ("东京", "tokyo"),
    ("重庆", "chongqing"),
    ("悉尼", "sydney"),
    ("南京", "nanjing"),
    ("苏州", "suzhou"),
)

FORECAST = (
    ("What will the weather be like in Tokyo over the next 5 days?", 5, ("tokyo",)),
    ("I'd like the weather forecast for Denver for the coming three days.", 3, ("denver",)),
    ("Forecast for Athens, next 7 days, please.", 7, ("athens",)),
    ("Can you give me a 4-day weather forecast for Miami in fahrenheit?", 4, ("miami",)),
    ("Tell me how the weather in Zurich is going to be in the next two days.", 2, ("zurich",)),
    ("东京未来五天的天气如何？", 5, ("东京", "tokyo")),
    ("请给我昆明接下来三天的天气预报。", 3, ("昆明", "kunming")),
    ("哈尔滨未来7天天气会怎么样？", 7, ("哈尔滨", "harbin")),
    ("查一下香港后面四天的天气预报，用摄氏度。", 4, ("香港", "hong kong")),
    ("接下来两天柏林的天气怎样？", 2, ("柏林", "berlin")),
)

UNITS = {
    "Please check the current weather for Dublin, in celsius.": "celsius",
    "我想知道南京此刻的天气，用摄氏度。": "celsius",
    "Can you give me a 4-day weather forecast for Miami in fahrenheit?": "fahrenheit",
    "查一下香港后面四天的天气预报，用摄氏度。": "celsius",
}

NO_TOOL = (
    "Hi there!",
    "What can you do?",
    "Tell me a fun fact about penguins.",
    "Which planet is the largest in the solar system?",
    "I had a fight with my best friend.",
    "What does the word 'serendipity' mean?",
    "Who was Albert Einstein?",
    "Thanks a lot, bye!",
    "Why do leaves turn red in autumn?",
    "Do you like poetry?",
    "早上好！",
    "你会做什么？",
    "讲一个睡前故事吧。",
    "地球有多少岁了？",
    "我今天被老板批评了，好难过。",
    "“画蛇添足”是什么意思？",
    "孔子是谁？",
    "谢谢，再见！",
    "为什么海水是咸的？",
    "你喜欢猫还是狗？",
)
