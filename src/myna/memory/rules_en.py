"""The rules for English. Pure."""
# ruff: noqa: E501 - patterns stay in one piece

import re

from myna.memory.forms_en import clause, rule
from myna.memory.phrases_en import (
    DAY,
    END,
    FAR_END,
    KIN,
    LATER,
    MONTH,
    MUCH,
    NAME,
    NOT_LIKED,
    NOT_NAMES,
    NOT_PLACES,
    OLD,
    PETS,
    WORK,
)
from myna.memory.rule import Rule

_I = r"(?<![\w'])I"
_IM = rf"{_I}(?:'m| am)(?: also| actually| currently| still| now| just| originally| only| really| both){{0,6}}"
_BE = r"(?:is|was)"

ENGLISH: tuple[Rule, ...] = (
    # names
    rule(
        "name",
        rf"\bmy (?:full |real |first |actual )?name(?:'s| is)(?: actually| just)? {NAME}{END}",
        "The user's name is {name}",
        NOT_NAMES,
    ),
    rule(
        "name",
        rf"\bmy (?P<which>nickname|last name|surname|family name|middle name|username|handle) is {NAME}{END}",
        "The user's {which} is {name}",
        NOT_NAMES,
    ),
    rule(
        "name",
        rf"(?:^|[,.!] ?|\b(?:can|just|please|could|may|should|to|and) )call me {NAME}{END}",
        "The user wants to be called {name}",
        NOT_NAMES,
    ),
    rule(
        "name",
        rf"\b(?:everyone|everybody|people|friends|my friends|they|most people|folks|all my friends)(?: all| usually| just)? calls? me {NAME}{END}",
        "People call the user {name}",
        NOT_NAMES,
    ),
    rule("name", rf"\bI (?:go by|am called|was named) {NAME}{END}", "The user goes by {name}", NOT_NAMES),
    rule(
        "name",
        r"^(?:(?:hi|hello|hey)(?: there| myna)?[,!. ]+)?(?:I'm|I am|this is) (?P<name>(?-i:[A-Z])[a-z]{2,15})(?=$|[,.!]| from | and (?:I|my)\b)",
        "The user's name is {name}",
        re.compile(
            r"(?:ian|ese|ish|ean|can|man|ch|ss)$|^(?:Iraqi|Thai|Greek|Korean|Just|Not|Very|Back|Here|Sorry|Tired|Happy|Sad|Fine|Good|Done|Ready|Bored|Hungry|Great|Glad|Sure|Also|Really|Vegan|Muslim|Jewish|Hindu|Catholic|Christian|So|Going|\w+ing)$"
        ),
    ),
    rule(
        "name",
        rf"^(?:well,? |so,? |hey,? |hi,? ){{0,6}}(?:the )?name's {NAME}{END}",
        "The user's name is {name}",
        NOT_NAMES,
    ),
    rule(
        "name",
        r"^(?:hi,? |hey,? |hello,? ){0,6}(?:this is|it's) (?P<name>(?-i:[A-Z])[a-z]{2,15})(?= by the way| speaking| calling)",
        "The user's name is {name}",
        re.compile("day$|^(?:January|February|March|April|June|July|August|September|October|November|December)$"),
    ),
    # pets and people with names
    clause(
        "relation",
        rf"\b(?:my|our) {OLD}{OLD}(?:{KIN})(?: (?-i:[A-Z])[a-z]+)? (?:lives|live|works|work|studies|is studying|is from|comes from|moved to|teaches|was born)(?= (?:in|at|for|as|near|with|on|abroad|to|[A-Z])) ?[^.!;,\n]{{2,40}}?(?=$|[.!;,\n]| so\b| but\b| and\b| because\b)",
        r"\b(?:you|out|on it|today|tonight|late)\b",
    ),
    rule(
        "relation",
        rf"\b(?:I|we)(?:'ve got| have got| have| got|'ve adopted| adopted| just got| just adopted| own)(?: just)? (?:an? |the )?(?P<of>[a-z-]+ )?{OLD}(?P<who>{PETS}|{KIN})[, ]+(?:(?:who|that|which|and) )?(?:(?:he|she|it)?(?:'s| is)? ?(?:called|named)|(?:his|her|its|whose) name is) {NAME}{END}",
        "The user's {who} is called {name}",
        NOT_NAMES,
    ),
    rule(
        "relation",
        rf"\b(?:I|we)(?:'ve got| have got| have| got| adopted| just got| just adopted| own)(?: just)? an? (?P<of>[a-z-]+ )?(?P<who>{PETS}|{KIN})[.!,，] ?(?:and )?(?:(?:his|her|its|their) names? (?:is|are)|(?:he|she|it)(?:'s| is) (?:called|named)) {NAME}{END}",
        "The user's {who} is called {name}",
        NOT_NAMES,
    ),
    rule(
        "relation",
        rf"\b(?:my|our) (?P<who>{OLD}(?:[a-z]+ )?(?:{PETS}|{KIN}))(?:'s name(?: is|'s)|(?: is|'s) (?:called|named)|(?: is|'s)(?= (?-i:[A-Z]))) {NAME}{END}",
        "The user's {who} is called {name}",
        NOT_NAMES,
    ),
    rule(
        "relation",
        rf"\b(?:my|our) (?P<who>{OLD}(?:{PETS}|{KIN})),? (?:(?:named|called) )?(?P<name>(?-i:[A-Z])[a-z]{{1,15}})\b(?=[,.! ]|$)",
        "The user's {who} is called {name}",
        re.compile(
            r"^(?:I|The|And|But|He|She|It|Is|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Christmas)$"
        ),
    ),
    rule(
        "relation",
        rf"(?<!\w)(?P<name>(?-i:[A-Z])[a-z]{{1,15}}) is my (?P<who>{OLD}(?:{PETS}|{KIN}))(?:'s name)?{END}",
        "The user's {who} is called {name}",
        re.compile(
            "^(?:This|That|He|She|It|Who|There|Here|What|Music|Love|Blue|Red|Green|God|Money|Food|Coffee|Today|Which|Such|And|Her|His|So|Now)$"
        ),
    ),
    # dates
    rule(
        "date",
        rf"\bmy birthday(?:'s| is| falls)(?: on| in| actually)?(?: on| in)? (?P<day>{DAY})",
        "The user's birthday is {day}",
    ),
    rule("date", rf"(?P<day>{DAY}) is my birthday", "The user's birthday is {day}"),
    rule("date", rf"\bI was born (?P<prep>on|in) (?P<day>{DAY})", "The user was born {prep} {day}", lasts=True),
    rule(
        "date",
        rf"\b(?:my|our) (?P<which>(?:wedding )?anniversary)(?:'s| is| falls)(?: on)? (?P<day>{DAY})",
        "The user's {which} is {day}",
    ),
    rule(
        "date",
        rf"\b(?:my|our) (?P<who>{OLD}(?:{PETS}|{KIN}))'s birthday(?:'s| is)(?: on)? (?P<day>{DAY})",
        "The user's {who}'s birthday is {day}",
    ),
    rule(
        "fact",
        rf"{_IM}(?: turning)? (?P<what>\d{{1,2}}|twenty(?:[- ]\w+)?|thirty(?:[- ]\w+)?|forty(?:[- ]\w+)?|fifty(?:[- ]\w+)?|sixty(?:[- ]\w+)?|eighteen|nineteen)(?: years old| years of age| yo)?(?=$|[.!]|,(?! no\b)| and\b)",
        "The user is {what} years old",
    ),
    # health
    clause(
        "health",
        rf"{_I}(?:'m| am)(?: also| severely| very| highly| deathly| badly| quite| mildly| really| extremely| terribly){{0,6}} (?:allergic to|intolerant to|intolerant of) [^.!;\n]{{2,60}}?{FAR_END}",
        r"allergic to (?:you|that|this|it|mondays|work|people|him|her|your|my)\b",
    ),
    clause(
        "health",
        rf"{_I}(?: also)?(?: have|'ve got| suffer from| was diagnosed with| got diagnosed with|'ve been diagnosed with|'ve had)(?: a| an| some)?(?: severe| bad| mild| serious| chronic| slight| strong| type \w+| seasonal){{0,6}}(?: [a-z-]+){{0,2}} (?:allerg(?:y|ies)|diabetes|asthma|migraines?|epilepsy|hypertension|high blood pressure|arthritis|insomnia|anxiety|depression|adhd|dyslexia|anemia|celiac disease|coeliac disease|heart condition|hay fever|lactose intolerance|vertigo|tinnitus|eczema|autism|back pain|gout|sleep apnea|ibs)(?: to [^.!,;]{{2,40}})?{END}",
    ),
    clause(
        "health",
        rf"{_IM} (?:a |an )?(?:vegetarian|vegan|pescatarian|diabetic|lactose[- ]intolerant|gluten[- ]intolerant|gluten[- ]free|celiac|colou?r[- ]?blind|left[- ]handed|pregnant|asthmatic|dyslexic|deaf|blind|hard of hearing|autistic|epileptic|kosher|halal){END}",
    ),
    clause(
        "health",
        rf"{_I} (?:wear|need|use) (?:glasses|contact lenses|contacts|hearing aids?|a hearing aid|a wheelchair|an inhaler){END}",
    ),
    clause(
        "health",
        rf"{_I}(?:'m| am) (?:in a wheelchair|on (?:insulin|blood thinners|dialysis|a (?:low|keto|gluten)[a-z -]*diet|antidepressants|chemo)|going through (?:chemo|ivf)|in recovery){END}",
    ),
    clause(
        "health",
        rf"{_I} (?:can't|cannot) (?:eat|have|drink|do|tolerate|handle|digest) (?!it\b|that\b|this\b|anything|any ?more|another|more|you|much|right now|today|the dishes|a\b|my|math|so\b)[^.!;,\n]{{3,30}}?{END}",
        r"today|right now|tonight|yet$|until",
    ),
    clause(
        "health",
        rf"\bmy {OLD}(?:{KIN}|{PETS})(?: (?-i:[A-Z])[a-z]+)?(?:'s| is| has)(?: also| severely| very){{0,6}} (?:allergic to [^.!;,]{{2,40}}?|(?:a )?(?:vegetarian|vegan|diabetic|pregnant|deaf|blind|colou?r[- ]?blind|lactose[- ]intolerant|celiac|coeliac)|(?:type \w+ )?diabetes|asthma|dementia|alzheimer's|epilepsy|a bad (?:hip|back|heart|knee)){END}",
    ),
    # likes and dislikes
    rule(
        "dislike",
        rf"^not (?:really )?(?:a |much of a )(?:big |huge )?fan of (?P<what>[^.!;,\n]{{3,40}}?){END}",
        "The user is not a fan of {what}",
        re.compile(r"^(?:it|that|this|you)\b", re.IGNORECASE),
    ),
    clause(
        "dislike",
        rf"{_I} {MUCH}(?:hate|dislike|despise|detest|loathe|can't stand|cannot stand|can't bear|do not like|no longer (?:like|love|enjoy|eat|drink)|don't (?:{MUCH})?(?:like|enjoy|eat|drink|smoke|care for)|never (?:eat|drink|smoke|liked)|am not (?:a fan of|fond of|into)|'m afraid of|am afraid of|am scared of|am terrified of|fear) [^.!;:\n]{{2,60}}?{FAR_END}",
        r"(?:like|hate|stand|dislike|enjoy|bear|of|care for|into|eat|drink|fear) (?:you|your|it|that|this|these|those|him|her|them|he|she|myself|when you|how you|to (?:say|admit|be|bother|ask|interrupt|break|disappoint|tell)|what|the (?:way|idea|answer|first|second|last)|much|anything|being wrong|breakfast today|yet|losing you|my life|myself|today|when)\b|\b(?:today|right now|tonight)$",
    ),
    clause(
        "dislike",
        rf"{_I}'m (?:{MUCH})?(?:not (?:really |much |a |that ){{0,6}}(?:a fan of|fan of|fond of|into)|afraid of|scared of|terrified of) [^.!;:\n]{{2,60}}?{FAR_END}",
        r"of (?:you|it|that|this|him|her|them|losing)\b",
    ),
    clause("dislike", rf"{_I} (?:don't|do not|never) (?:{MUCH})?(?:smoke|drink)(?: alcohol| coffee)?{END}"),
    rule(
        "like",
        rf"\bmy (?:all[- ]time )?favou?rite (?P<of>[^.!,;]{{2,40}}?) (?:is|are|has always been)(?: definitely| probably| always| actually)? (?P<what>[^.!;\n]{{2,60}}?){FAR_END}",
        "The user's favourite {of} is {what}",
        re.compile(r"^(?:not|you|when|that you|this one|that one|the one you|gone|on|playing)\b", re.IGNORECASE),
    ),
    rule(
        "like",
        rf"(?<!\w)(?P<what>(?-i:[A-Z])[^.!,;\n]{{1,40}}?) (?:is|are) my (?:all[- ]time )?favou?rite (?P<of>[^.!,;]{{2,30}}?){END}",
        "The user's favourite {of} is {what}",
        re.compile(r"^(?:this|that|you|it|which|what|who|those|these)\b", re.IGNORECASE),
    ),
    rule(
        "like",
        rf"\bmy (?P<which>hobby|hobbies|passion|main hobby|guilty pleasure) (?:is|are|include)s? (?P<what>[^.!;\n]{{2,80}}?){FAR_END}",
        "The user's {which}: {what}",
        NOT_LIKED,
    ),
    rule(
        "like",
        rf"{_I} {MUCH}(?P<verb>like|love|enjoy|adore|prefer) (?P<what>[^.!;:\n]{{2,60}}?){FAR_END}",
        "The user {verb}s {what}",
        NOT_LIKED,
    ),
    rule(
        "like",
        rf"{_IM} (?:{MUCH})?(?P<verb>into|fond of|crazy about|passionate about|obsessed with|interested in|keen on|a (?:big |huge |massive |lifelong |die-hard )?fan of) (?P<what>[^.!;:\n]{{2,60}}?){FAR_END}",
        "The user is {verb} {what}",
        NOT_LIKED,
    ),
    rule(
        "like",
        rf"{_IM} an? (?:big |huge |massive |lifelong |die-hard )?(?P<what>[a-z ]{{2,30}}?) (?P<fan>fan|lover|person|enthusiast|buff|nerd|addict){END}",
        "The user is a {what} {fan}",
        re.compile(
            r"^(?:big|huge|good|bad|nice|kind|busy|normal|terrible|horrible|new|private|shy|quiet|happy|lucky|not|patient|honest|real|different|better|sick|old|young|trusted|bit)\b"
        ),
    ),
    # places
    rule(
        "place",
        rf"{_I}(?:'m| am)?(?: currently| now| still| actually| also| both){{0,6}} (?:live|living|reside|based|settled) (?:alone |together |now |here )?(?P<prep>in|near|at|on|outside|close to|by) (?P<place>[^.!;\n]{{2,50}}?)(?=$|[.!;\n]|, (?!(?-i:[A-Z]))| and\b| but\b| so\b| with\b| now\b| for \d| since\b| where\b| because\b| right\b| at the\b| these days)",
        "The user lives {prep} {place}",
        NOT_PLACES,
    ),
    rule(
        "place",
        rf"{_I}(?:'ve| have|'m| am)?(?: just| recently| finally| actually){{0,6}} (?:moved|relocated|moving) (?:back |over |out |here )?(?:from [^.!;,\n]{{2,25}} )?to (?P<place>[^.!;\n]{{2,40}}?)(?=$|[.!;\n,]| and\b| but\b| from\b| last\b| this\b| in \d| for\b| because\b| with\b| recently\b| two\b| a\b| yesterday\b| next\b| with)",
        "The user lives in {place}",
        NOT_PLACES,
    ),
    rule(
        "place",
        rf"(?:{_IM}|{_I} come|{_I} came)(?: originally| all the way)? from (?P<place>(?:the )?(?-i:[A-Z])[^.!;\n]{{1,40}}?)(?=$|[.!;\n]|, (?!(?-i:[A-Z]))| and\b| but\b| originally\b| so\b)",
        "The user is from {place}",
        NOT_PLACES,
        lasts=True,
    ),
    rule(
        "place",
        r"\bI (?P<how>grew up|was raised|was born(?: and raised)?) (?P<prep>in|near|on) (?P<place>(?!19|20\d\d)[^.!;,\n]{2,40}?)(?=$|[.!;,\n]| and\b| but\b| in \d| so\b| with\b)",
        "The user {how} {prep} {place}",
        re.compile(rf"^{MONTH}\b|^(?:a|the (?:19|20|\d|wrong))", re.IGNORECASE),
        lasts=True,
    ),
    rule(
        "place",
        r"\bmy home ?town is (?P<place>[^.!;,\n]{2,40}?)(?=$|[.!;,\n]| and\b| but\b)",
        "The user's hometown is {place}",
        re.compile("^(?:so|very|too|a|an|the|quite|beautiful|small)\\b"),
        lasts=True,
    ),
    rule(
        "place",
        r"\b(?:I|we)(?:'ve| have) (?:lived|been living|been)(?: here)? in (?P<place>(?-i:[A-Z])[^.!;,\n]{1,30}?) (?=since|for (?:about |over |almost |nearly |the (?:last|past) )?(?:\w+ ){1,3}(?:years|months|decades)|all my life|my whole life)",
        "The user lives in {place}",
        NOT_PLACES,
    ),
    rule(
        "place",
        r"\bwe(?:'re| are)? (?:live|living|based|moved|moving) (?:in|to|near) (?P<place>(?-i:[A-Z])[^.!;,\n]{1,30}?)(?=$|[.!;,\n]| and\b| but\b| so\b| with\b| last\b| in \d| for\b| now\b)",
        "The user lives in {place}",
        NOT_PLACES,
    ),
    # work
    clause("fact", rf"{_I} [^.!;,\n]{{3,40}}? for a living{END}"),
    clause(
        "fact",
        rf"{_I} (?:own|run|manage|founded|co-own|opened) (?:a|an|my own) (?!bath|bit|little late|temperature|fever|risk|mile|marathon tomorrow|errand)[^.!;,\n]{{3,50}}?{FAR_END}",
        r"question|today|tomorrow",
    ),
    clause(
        "fact",
        rf"{_I}(?:'m| am| just|'ve)? (?:retired|semi-retired)(?: last year| now| in \d+| from [^.!;,]{{2,30}}?)?{END}",
    ),
    clause(
        "fact",
        rf"{_I}(?:'m| am|'ve been| have been|'ve started| started) (?:currently )?(?:learning|training for|saving (?:up )?for|taking [a-z ]{{2,20}}lessons|volunteering|writing a (?:book|novel|thesis|dissertation)|restoring|renovating|homeschooling|fostering) ?(?!that|it\b|this|you)[^.!;,\n]{{0,50}}?{FAR_END}",
        r"today|right now|tonight|a lot|so much|how to use you",
    ),
    clause(
        "fact",
        rf"{_I}(?: also| still)? (?:speak|play|collect|volunteer|coach|breed|practi[cs]e) (?!with (?:it|you)|it\b|that|this|you|a game|dead|along|games? (?:now|today))[^.!;,\n]{{3,50}}?{FAR_END}",
        r"today|right now|tonight|tomorrow",
    ),
    clause(
        "fact",
        rf"{_I}(?:'ve)? (?:quit|gave up|given up|stopped) (?:smoking|drinking|sugar|alcohol|coffee|meat|caffeine)\b[^.!;,\n]{{0,30}}?{FAR_END}",
    ),
    rule(
        "fact",
        r"\bmy (?P<which>blood type|shoe size|size|height|weight|phone number|email(?: address)?|address|zip code|postcode|license plate|plate number|star sign|zodiac sign|pronouns|locker code|door code|wifi password|wi-fi password|time ?zone) (?:is|are) (?P<what>[^!;,\n]{2,60}?)(?=$|[.](?:\s|$)|[!;,\n]| and (?:i|my)\b| but\b)",
        "The user's {which} is {what}",
        re.compile(r"^(?:not|wrong|so|too|very|really|changed|gone|what)\b", re.IGNORECASE),
    ),
    rule(
        "fact",
        rf"{_IM}(?: working as| training to be| studying to be| studying to become)? (?P<a>an? )?(?P<what>(?:retired )?{WORK})(?P<at>(?: (?:at|for|in|from) [^.!;,\n]{{2,30}}?)?)(?=$|[.!;,\n]| and\b| but\b| so\b| by\b| who\b| with\b)",
        "The user is {a} {what} {at}",
        re.compile(r"^(?:the|your|my|not)\b|^a bad|late student", re.IGNORECASE),
    ),
    rule(
        "fact",
        rf"{_I}(?:'ve| have)?(?: currently| now| also| mostly| been){{0,6}} (?:work|working|(?<=(?:ve|en) )worked) (?P<prep>as|at|for|in) (?P<place>[^.!;\n]{{2,50}}?)(?=$|[.!;,\n]| and\b| but\b| so\b| since\b| for \w+ years)",
        "The user works {prep} {place}",
        re.compile(
            r"^(?:the (?:moment|morning|evening|afternoon|night)|night|home\b|it|this|that|you|peace|my best|a \w+ way|progress|silence|a (?:good|great|bad) )",
            re.IGNORECASE,
        ),
    ),
    rule(
        "fact",
        rf"{_IM} working (?P<prep>as|at|for|in) (?P<place>[^.!;\n]{{2,50}}?)(?=$|[.!;,\n]| and\b| but\b| so\b| since\b)",
        "The user works {prep} {place}",
        re.compile(r"^(?:the (?:moment|morning|evening|afternoon|night)|night|it|this|that|you|peace)", re.IGNORECASE),
    ),
    rule(
        "fact",
        rf"(?:{_I} (?:study|major in|teach)|{_IM} (?:studying|majoring in|teaching))(?P<what> [^.!;,\n]{{2,50}}?)(?=$|[.!;,\n]| and (?:i|my)\b| but\b| so\b| right\b| now\b)",
        "The user studies {what}",
        re.compile(
            r"^ ?(?:for|it|this|that|you|hard|now|right|tonight|every|a lot|with|the (?:map|menu|question)|him|her|them|my|to )",
            re.IGNORECASE,
        ),
    ),
    rule(
        "fact",
        r"\bmy (?P<which>job|profession|occupation|major|native language|mother tongue|first language) is (?P<what>[^.!;,\n]{2,50}?)(?=$|[.!;,\n]| and\b| but\b)",
        "The user's {which} is {what}",
        re.compile(
            r"^(?:not|so|very|too|boring|killing|hard|great|stressful|getting|really|pretty|exhausting|to listen|done|driving|awful|fine|ok|quite|the (?:worst|best)|on the line|at risk|tiring)\b",
            re.IGNORECASE,
        ),
    ),
    # family and animals without names
    clause(
        "relation",
        rf"\b(?:I|we)(?:'ve got| have got| have| own) (?:two|three|four|five|\d) (?:{PETS}|{KIN})(?:e?s|ren|dren|ies)?(?:, | called | named |: )(?-i:[A-Z])[a-z]+(?:, (?-i:[A-Z])[a-z]+){{0,6}},? and (?-i:[A-Z])[a-z]+{END}",
    ),
    clause(
        "relation",
        rf"\b(?:I|we)(?:'ve got| have got| have| own) (?:an?|one|two|three|four|five|six|\d+|twin) (?:(?!{PETS}|{KIN})[a-z-]+ ){{0,2}}(?:{PETS}|{KIN})(?:e?s|ren|dren|ies)?{END}",
        r"\b(?:friend|boss|manager|neighbou?r) (?:who|in|question)|friends?$",
    ),
    rule(
        "relation",
        rf"\bmy (?P<who>{OLD}(?:{KIN})) (?:is|works as) (?P<what>an? (?:retired )?{WORK})(?=$|[.!;,\n]| and\b| but\b| in\b| at\b)",
        "The user's {who} is {what}",
    ),
    rule(
        "relation",
        rf"\bmy (?P<who>{OLD}(?:son|daughter|kid|baby|brother|sister|cat|dog|puppy|kitten|grandmother|grandma|mom|mum|dad|father|mother|wife|husband|nephew|niece))(?: is|'s| just turned| turned) (?P<what>\d{{1,2}}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?P<unit> months old| years old| months|)(?=$|[.!;,\n]| and\b| but\b)",
        "The user's {who} is {what} {unit}",
    ),
    clause(
        "relation", rf"{_IM} (?:single|married|divorced|widowed|engaged|an only child)(?: to [^.!,;]{{2,30}})?{END}"
    ),
    # plans
    clause(
        "plan",
        rf"(?:{_I}(?:'m| am)|\b(?:we're|we are))(?: also| actually| finally){{0,6}} (?:walking|hiking|climbing|driving|spending|celebrating|expecting|due|buying|selling|adopting|sailing|cycling|going|flying|travell?ing|moving|getting married|starting|having|visiting|running|taking|leaving|defending|graduating|planning to \w+|heading|meeting|retiring|throwing|hosting|seeing|going to \w+)\b[^.!;?\n]{{0,60}}? {LATER}[^.!;?\n,]{{0,30}}?{FAR_END}",
        r"remind|going to (?:bed|sleep|the store|need|be late|eat|call you)|\?",
    ),
    clause(
        "plan",
        rf"{_I}(?: also)?(?: have|'ve got| got)(?: got)? (?:an?|my|our|the) (?:[a-z-]+ ){{0,3}}(?:exam|interview|appointment|meeting|flight|test|surgery|operation|wedding|presentation|trip|concert|deadline|marathon|race|recital|date|party|final|defen[cs]e|conference|check-?up)\b[^.!;?\n]{{0,40}}? {LATER}[^.!;?\n,]{{0,30}}?{FAR_END}",
        r"remind|\?",
    ),
    clause(
        "plan",
        rf"\b(?:my|our) (?:[a-z-]+ ){{0,2}}(?:exam|interview|appointment|flight|surgery|operation|wedding|graduation|trip|due date|deadline|marathon|thesis defen[cs]e|recital)(?:'s| is)\b[^.!;?\n]{{0,20}}?{LATER}{END}",
    ),
)
