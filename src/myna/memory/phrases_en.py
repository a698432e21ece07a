"""The parts that patterns of English are made of. Pure."""
# ruff: noqa: E501 - patterns stay in one piece

import re

END = r"(?=$|[,.!;:\n…(—]| - | (?:and|but|so|because|since|though|although|which|too|as well)\b)"
FAR_END = r"(?=$|[.!;\n…(—]|, (?!and )| - | (?:but|so|because|since|though|although|which)\b| and (?:i|my|we|our)\b)"
NAME = r"(?P<name>[A-Za-zÀ-ÿ\u4e00-\u9fff][A-Za-zÀ-ÿ'.\u4e00-\u9fff-]{0,20}(?: (?-i:[A-Z])[A-Za-zÀ-ÿ'.-]{0,20}){0,2})"
PETS = (
    "cat|dog|kitten|kitty|puppy|parrot|hamster|rabbit|bunny|turtle|tortoise|goldfish|fish|bird|horse|pony|pet|guinea pig"
    "|lizard|gecko|snake|ferret|budgie|canary|corgi|golden retriever|retriever|labrador|lab|poodle|husky|beagle|tabby|cockatiel"
)
KIN = (
    "mother|mom|mum|father|dad|grandmother|grandma|grandfather|grandpa|brother|sister|husband|wife|partner|boyfriend"
    "|girlfriend|fiancée?|fiancee|son|daughter|child|kid|baby|cousin|uncle|aunt|nephew|niece|twin|roommate|flatmate|best friend"
    "|spouse|grandson|granddaughter|boss|manager|friend|neighbou?r|stepson|stepdaughter|stepbrother|stepsister"
)
OLD = r"(?:older |younger |little |big |elder |eldest |youngest |oldest |old |twin |best |new |two |three |late )?"
MUCH = (
    r"(?:(?:really|absolutely|also|just|do|truly|particularly|especially|always|genuinely|personally|kind of|quite|totally"
    r"|still|actually|simply|mostly|generally|usually|much|rather|definitely|certainly|secretly|both) ){0,6}"
)
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
NTH = (
    r"(?:\d{1,2}(?:st|nd|rd|th)?|first|second|third|\w+teenth|twentieth|twenty[- ]\w+|thirtieth|thirty[- ]first|\w+th)"
)
DAY = (
    rf"(?:(?:the )?{NTH}(?: of)? {MONTH}\.?(?:,? \d{{4}})?|{MONTH}\.?(?: the)? {NTH}(?:,? \d{{4}})?|\d{{1,4}}[-/.]\d{{1,2}}"
    rf"(?:[-/.]\d{{1,4}})?|{MONTH}(?: \d{{4}})?|new year's (?:eve|day)|christmas(?: eve| day)?|halloween|valentine's day"
    r"|(?:19|20)\d\d)"
)
WORK = (
    r"(?:(?!beginner|loser|winner|lover|early|late|night|newcomer|stranger|believer|reader\b|customer|user|foreigner|member"
    r"|bit|little|fan|big|huge|morning|sucker|newbie|character|mother|father|brother|sister|daughter|number|matter|monster"
    r"|sleeper|eater|paper|letter|driver license)[a-z-]+ ){0,3}"
    r"(?:engineer|developer|programmer|teacher|doctor|nurse|lawyer|student|driver|chef|cook|journalist|writer|author|artist"
    r"|painter|designer|accountant|police officer|soldier|actor|actress|singer|musician|photographer|architect|farmer"
    r"|firefighter|pilot|translator|editor|manager|professor|scientist|researcher|therapist|consultant|freelancer|dentist"
    r"|vet|veterinarian|pharmacist|analyst|hairdresser|coach|trainer|dancer|surgeon|electrician|plumber|carpenter|baker"
    r"|barista|waiter|waitress|cashier|librarian|psychologist|biologist|chemist|physicist|mathematician|historian|economist"
    r"|entrepreneur|retiree|paramedic|mechanic|bartender|tutor|lecturer|intern|sailor|gardener|butcher|tailor|nanny"
    r"|stay-at-home (?:mom|mum|dad|parent)|postdoc|sophomore|freshman|undergrad(?:uate)?|violinist|pianist|guitarist)"
)
NOT_NAMES = re.compile(
    r"^(?:a|an|the|not|so|very|too|when|if|at|in|on|later|back|again|tomorrow|tonight|now|maybe|anything|whatever|what|crazy"
    r"|old|stupid|it|that|this|your|you|my|an?\b.*|names|on|the\b.*|for|from|to|up|out|by|weird|common|hard|long|short|spelled"
    r"|pronounced|unusual|rare|easy|difficult|going|getting|being|like|\w+ing|sick|here|there|asleep|gone|dead|old|cute|fine"
    r"|ok|okay|good|great|sure|sorry|happy|sad|tired|sleepy|hungry|lovely|beautiful|also|always|usually|only|really|just"
    r"|everything|amazing|awesome|driving|always)$",
    re.IGNORECASE,
)
NOT_LIKED = re.compile(
    r"^(?:you|your|yours|it|this|that|these|those|them|him|her|he|she|they|what|how|when|the way|the (?:idea|answer|sound|look"
    r"|new|first|second|last|one|other|story|joke|song you|poem|color you|part|reply|fact)|my |to (?:know|see|hear|ask|think"
    r"|say|be|book|order|go now|have|get|make|start|thank|talk|chat|add|point)|someone|somebody|people who|a lot|so much|is\b"
    r"|more|less|being|having to|not|about|for|for you|a girl|a boy|this guy|about|today|tonight|us|there|either|at)",
    re.IGNORECASE,
)
NOT_PLACES = re.compile(
    r"^(?:a|the (?:moment|past|present|future|same)|fear|hope|your|you|it|this|that|here|there|my (?:own|head|dreams|parents'? basement)|an? \w+ where"
    r"|pain|denial|luck|next|later|tomorrow|on|to\b.*|work|bed|school|another|what|where|peace|the other)\b",
    re.IGNORECASE,
)
LATER = (
    r"(?:tomorrow|the day after tomorrow|(?:next|this coming) (?:week|month|year|summer|winter|spring|fall|autumn|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday|weekend)|this (?:summer|winter|spring|fall|autumn|weekend|friday|saturday|sunday)"
    rf"|on (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|(?:on|in) (?:the )?(?:{DAY}))"
)
