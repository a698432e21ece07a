"""Memories that answer nothing: what a store is full of when a fact of the two sets of recall is looked for.

They are about other people, or they are the small change of the user's own days. No template and no word here answers
one of the questions of that file: nobody here is a relative, and nothing here is a habit, a rule or a plan of the user.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence

LARGEST = 10_000

_SLOT = re.compile(r"\{(\w+)\}")


def distractors(count: int, seed: int = 0) -> list[str]:
    """As many different sentences, in turn Chinese and English; fewer of the same seed are the first of more.

    Raises:
        ValueError: More than `LARGEST` were asked for, or fewer than none.
    """
    if not 0 <= count <= LARGEST:
        raise ValueError(f"Ask for 0 to {LARGEST} distractors, not for {count}.")
    chinese = _different(random.Random(f"zh {seed}"), _ZH_TEMPLATES, _ZH)
    english = _different(random.Random(f"en {seed}"), _EN_TEMPLATES, _EN)
    return [next(english if index % 2 else chinese) for index in range(count)]


def _different(chance: random.Random, templates: Sequence[str], lists: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Sentences without end, none twice. There are far more of each language than `LARGEST`."""
    told: set[str] = set()
    while True:
        text = chance.choice(templates)
        while slot := _SLOT.search(text):
            text = text[: slot.start()] + chance.choice(lists[slot[1]]) + text[slot.end() :]
        if text not in told:
            told.add(text)
            yield text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|")]


_ZH_TEMPLATES = [
    "用户的{who}养了{pet}",
    "用户的{who}喜欢{hobby}",
    "用户的{who}不爱吃{food}",
    "用户的{who}对{allergen}过敏",
    "用户的{who}最近在学{subject}",
    "用户的{who}上个月去了{city}",
    "用户的{who}是{job}",
    "用户的{who}老家在{city}",
    "用户的{who}的孩子在读{grade}",
    "用户的{who}打算{plan}",
    "用户的{who}的生日在{month}",
    "用户的{who}刚买了{bought}",
    "用户的{who}受不了{nuisance}",
    "用户的{who}每天{routine}",
    "用户的{who}说话带{city}口音",
    "{day}，用户在{shop}买了{item}",
    "{day}，用户在{outdoors}看见{sight}",
    "{day}，用户看了一部讲{film}的纪录片",
    "{day}，用户坐{bus}路公交去了{spot}",
    "{day}，用户在{spot}排队等了{minutes}分钟",
    "{day}，用户午饭吃的是{dish}",
    "{day}，用户梦见{dream}",
    "{day}，用户跟{who}聊了聊{talk}",
    "{day}，用户把{tool}借给了{who}",
    "{day}，用户收到了{who}寄来的{parcel}",
    "用户觉得{spot}的{detail}{opinion}",
    "用户听{who}说{spot}要重新装修",
]

_ZH = {
    "who": ["{tie}{person}"],
    "tie": _parts("""同事|前同事|邻居|楼下邻居|对门邻居|初中同学|小学同学|大学室友|网友|球友|饭友|客户|老相识
        |老乡|驴友|校友"""),
    "person": _parts("""老张|老赵|老周|老吴|老郑|老冯|小李|小王|小陈|小蒋|小沈|小韩|阿杰|阿强|阿芳|阿敏|大刘
        |大伟|马姐|孙姐|秦姐|唐哥|许哥|曹哥|丁阿姨|魏阿姨|范大爷|彭师傅|卢师傅|高姐|田哥|思琪|雨桐|子涵|浩然
        |佳怡|志远|美玲|晓峰|建国"""),
    "pet": _parts("""一只橘猫|一只布偶猫|一只柯基|一只哈士奇|一只泰迪|两只仓鼠|一只兔子|一缸金鱼|一对虎皮鹦鹉
        |一只八哥|一只龙猫|一条柴犬|三只鸽子|一只蜥蜴|一窝蚂蚁"""),
    "hobby": _parts("""钓鱼|打羽毛球|打乒乓球|听京剧|种兰花|下象棋|跳广场舞|爬野山|看武侠小说|做手账|收集冰箱贴
        |玩桌游|织围巾|拍短视频|逛菜市场|看综艺|打太极拳|泡温泉|听相声|滑雪|放风筝|做陶艺|写毛笔字|养多肉|玩飞盘
        |看篮球赛"""),
    "food": _parts("""羊肉|洋葱|豆腐|胡萝卜|茄子|芹菜|韭菜|大蒜|香菇|鸡蛋|秋葵|木耳|青椒|鸭肉|猪肝|皮蛋|折耳根
        |南瓜|海带|榨菜"""),
    "allergen": _parts("花粉|虾|酒精|尘螨|猫毛|鸡蛋|桃子|海鲜|核桃|染发剂|紫外线|柳絮"),
    "subject": _parts("""吉他|书法|德语|韩语|西班牙语|剪纸|烘焙|插花|摄影|会计|编程|街舞|瑜伽|架子鼓|二胡
        |尤克里里|急救|茶艺|视频剪辑|心算|拳击"""),
    "city": _parts("""成都|重庆|长沙|武汉|西安|郑州|济南|青岛|大连|沈阳|哈尔滨|南昌|合肥|福州|厦门|南宁|贵阳
        |昆明|太原|兰州|苏州|宁波|洛阳|桂林|珠海|无锡|烟台|扬州"""),
    "job": _parts("""出租车司机|药剂师|程序员|厨师|摄影师|保险推销员|中学老师|公务员|会计|快递员|电工|编辑|导游
        |理发师|翻译|健身教练|兽医|测绘员|银行柜员|花店老板|记者|牙医|保安|建筑工人|地铁司机"""),
    "grade": _parts("幼儿园|一年级|二年级|四年级|五年级|六年级|初一|初二|初三|高一|高二|大一|大二|研究生"),
    "plan": _parts("""换一辆车|装修房子|考公务员|开网店|去考教师资格证|回老家养老|戒酒|去读夜校|报团去云南
        |换个手机|给阳台封窗|养一只猫|去拍写真|参加相亲|搬到郊区|把头发剪短|去学滑雪|提前退休|买一台跑步机"""),
    "month": _parts("一月|二月|四月|五月|六月|七月|八月|九月|十月|十一月|十二月"),
    "bought": _parts("""一台洗碗机|一辆面包车|一双登山鞋|一台投影仪|一套茶具|一件羽绒服|一台空气净化器|一把吉他
        |一副球拍|一台洗衣机|一只行李箱|一块机械表|一台平板|一张沙发床|一口高压锅|一台除湿机"""),
    "nuisance": _parts("堵车|别人插队|酒味|装修的噪音|黄梅天|蚊子|广告电话|排长队|别人抖腿|空调太冷|榴莲味|加班"),
    "routine": _parts("""六点起来晨跑|泡一壶普洱|骑车上班|带饭上班|遛狗两次|听一小时评书|练一页字帖|喝两罐可乐
        |接孩子放学|做五十个俯卧撑|写一篇日记|看早间新闻"""),
    "day": ["{nth}月{number}号", "去年{nth}月{number}号"],
    "nth": _parts("一|二|三|四|五|六|七|八|九|十|十一|十二"),
    "number": _parts("""一|二|三|四|五|六|七|八|九|十|十一|十二|十三|十四|十五|十六|十七|十八|十九|二十|二十一
        |二十二|二十三|二十四|二十五|二十六|二十七|二十八"""),
    "shop": _parts("超市|五金店|便利店|文具店|药店|菜市场|杂货铺|百货商场|小卖部|批发市场"),
    "item": _parts("""一袋橙子|两管牙膏|一盒电池|一卷胶带|一条毛巾|一瓶洗洁精|十个衣架|一包垃圾袋|两支笔芯
        |一沓便利贴|一把葱|一袋面粉|一瓶酱油|三节电池|一块香皂|一双拖鞋|一捆绳子|一盒创可贴|一个挂钩|一包湿巾
        |两斤橘子|一盒图钉|一只灯泡|一瓶胶水|一个漏勺"""),
    "spot": _parts("""人民公园|植物园|市图书馆|火车站|汽车站|电影院|博物馆|体育馆|菜市场|邮局|银行|服务区|面包店
        |动物园|美术馆|展览馆|河边步道|步行街|建材城|旧码头|儿童乐园|加油站|地下通道|天桥"""),
    "outdoors": _parts("""人民公园|植物园|火车站|汽车站|体育馆|河边步道|步行街|旧码头|儿童乐园|加油站|天桥
        |十字路口|小广场"""),
    "sight": _parts("""一只喜鹊|一道彩虹|一个卖气球的人|有人在吵架|一队小学生|一辆老爷车|一群鸽子|一个剧组在拍戏
        |一对新人在拍照|一个丢了的手套|一棵歪脖子树|有人在放风筝|一个街头画家|一辆坏在路边的卡车|一只松鼠
        |一个耍猴的|两个小孩在滑滑板|一家新开的奶茶店"""),
    "film": _parts("""企鹅|古罗马|茶马古道|火山|高铁|故宫修缮|蜜蜂|沙漠|纸的发明|长城|登月|敦煌|盐|恐龙|候鸟
        |丝绸|瓷器|大桥"""),
    "bus": _parts("3|7|12|18|25|33|41|56|68|77|92|101|116|205|318|507"),
    "minutes": _parts("十|十五|二十|二十五|三十|四十|五十"),
    "dish": _parts("""西红柿炒蛋|炒河粉|馄饨|蛋炒饭|阳春面|凉皮|煲仔饭|鸡公煲|酸菜鱼|水饺|盖浇饭|沙县小吃|咖喱鸡
        |土豆丝|鱼丸|肉夹馍|三明治|寿司卷"""),
    "dream": _parts("""一只会飞的鲸鱼|回到小学教室|考试忘了带笔|一座没有门的房子|掉进了井里|一列开往海底的火车
        |牙掉光了|在雪地里追|一只狐狸|变成了一棵树|月亮上有人唱歌|跟恐龙赛跑|一条没有尽头的走廊|丢了鞋子
        |和外星人吃饭"""),
    "talk": _parts("""房价|油价|天气|地铁新线|小区停车|垃圾分类|彩票|新上映的片子|菜价|快递涨价|孩子补课|理财
        |修路|世界杯|奶茶|手机套餐|空气质量|露营"""),
    "tool": _parts("螺丝刀|梯子|打气筒|卷尺|电钻|手推车|充电宝|烤盘|行李秤|折叠椅|热水壶|扳手|胶枪|野餐垫"),
    "parcel": _parts("""明信片|一箱苹果|一盒月饼|一罐茶叶|一本台历|一包腊肠|一盒点心|一袋大枣|一封信|一条围巾
        |一箱橙子|一袋核桃|一盒巧克力"""),
    "detail": _parts("停车场|灯光|椅子|标识牌|厕所|背景音乐|门票|楼梯|服务台|地砖|自动门|广播|垃圾桶|储物柜"),
    "opinion": _parts("""有点旧|还不错|一般般|比以前好|不太合理|挺别致|有点奇怪|没什么特别|改得挺快|太亮了
        |有点乱|比想象中好"""),
}

_EN_TEMPLATES = [
    "The user's {who} has {pet}.",
    "The user's {who} is into {hobby}.",
    "The user's {who} doesn't eat {food}.",
    "The user's {who} is allergic to {allergen}.",
    "The user's {who} is learning {subject}.",
    "The user's {who} went to {city} last month.",
    "The user's {who} works as {job}.",
    "The user's {who} comes from {city}.",
    "The user's {who} has a child in {grade}.",
    "The user's {who} plans to {plan}.",
    "The user's {who} has a birthday in {month}.",
    "The user's {who} has just bought {bought}.",
    "The user's {who} can't stand {nuisance}.",
    "Every day the user's {who} {routine}.",
    "The user's {who} has an accent from {city}.",
    "On {day}, the user bought {item} at {shop}.",
    "On {day}, the user saw {sight} near {outdoors}.",
    "On {day}, the user watched a documentary about {film}.",
    "On {day}, the user took bus {bus} to {spot}.",
    "On {day}, the user waited in line for {minutes} minutes at {spot}.",
    "On {day}, the user had {dish} for lunch.",
    "On {day}, the user had a dream about {dream}.",
    "On {day}, the user chatted with {who} about {talk}.",
    "On {day}, the user lent {tool} to {who}.",
    "On {day}, the user got {parcel} by post from {who}.",
    "The user thinks that the {detail} at {spot} {opinion}.",
    "The user heard from {who} that {spot} is to be rebuilt.",
]

_EN = {
    "who": ["{tie} {person}"],
    "tie": _parts("""colleague|former colleague|neighbour|downstairs neighbour|classmate from school
        |old roommate|tennis partner|acquaintance|customer|pen pal|fellow hiker|book club friend
        |gym acquaintance|choir singer|yoga classmate"""),
    "person": _parts("""Adam|Beth|Carlos|Dana|Elena|Farid|Gina|Hannah|Igor|Jenny|Kofi|Lara|Miguel|Nadia|Omar
        |Paula|Quentin|Rosa|Stefan|Tanya|Umar|Vera|Wesley|Xenia|Yusuf|Zoe|Aaron|Bianca|Colin|Denise|Edgar|Fiona
        |Greta|Hugo|Isla|Jonas|Klara|Leon|Mabel|Norbert"""),
    "pet": _parts("""two tabby cats|a corgi|a husky|a poodle|a pair of canaries|a tank of goldfish|a guinea pig
        |a lizard|three pigeons|an old beagle|a Siamese cat|a chinchilla|an ant farm|a cockatoo|a bulldog"""),
    "hobby": _parts("""fishing|badminton|table tennis|opera|growing orchids|chess|hill walking|crime podcasts
        |scrapbooking|fridge magnets|board games|knitting|video blogging|tai chi|hot springs|stand-up comedy
        |skiing|kite flying|pottery|calligraphy|succulents|frisbee|basketball|crosswords|bird ringing
        |model trains"""),
    "food": _parts("""lamb|onions|tofu|carrots|aubergine|celery|leeks|garlic|mushrooms|eggs|okra|olives
        |green peppers|duck|liver|pumpkin|seaweed|pickles|turkey|blue cheese"""),
    "allergen": _parts("""pollen|shrimp|dust mites|cat hair|eggs|peaches|walnuts|hair dye|latex|soy|bee stings
        |strawberries"""),
    "subject": _parts("""the guitar|calligraphy|German|Korean|Swahili|baking|flower arranging|photography
        |programming|street dance|yoga|the drums|the ukulele|tea tasting|video editing|boxing|glass blowing
        |archery|Icelandic|sewing"""),
    "city": _parts("""Bristol|Leeds|Denver|Chicago|Toronto|Dublin|Glasgow|Prague|Warsaw|Helsinki|Oslo|Athens
        |Istanbul|Cairo|Lima|Santiago|Austin|Boston|Seattle|Montreal|Hamburg|Turin|Seville|Riga|Perth|Auckland
        |Hanoi|Manila"""),
    "job": _parts("""a taxi driver|a pharmacist|a programmer|a chef|a photographer|an insurance salesman
        |a teacher|a civil servant|a courier|an electrician|an editor|a tour guide|a barber|a translator
        |a fitness coach|a vet|a surveyor|a bank clerk|a florist|a journalist|a dentist|a security guard
        |a bricklayer|a train driver"""),
    "grade": _parts("""kindergarten|first grade|second grade|fourth grade|fifth grade|sixth grade|seventh grade
        |eighth grade|ninth grade|tenth grade|college|graduate school"""),
    "plan": _parts("""buy a van|redecorate the hallway|open a web shop|take a teaching diploma|retire early
        |give up alcohol|go to night school|tour Norway|get a new phone|glaze the porch|get a cat
        |try speed dating|move to the suburbs|cut their hair short|learn to ski|buy a treadmill|write a blog
        |grow a beard"""),
    "month": _parts("January|February|April|May|June|July|August|September|November|December"),
    "bought": _parts("""a dishwasher|a minivan|hiking boots|a projector|a tea set|a down jacket|an air purifier
        |a guitar|a tennis racket|a washing machine|a suitcase|a mechanical watch|a tablet|a sofa bed
        |a pressure cooker|a dehumidifier"""),
    "nuisance": _parts("""traffic jams|queue jumpers|the smell of beer|drilling noise|humid weather|mosquitoes
        |sales calls|long queues|people who tap their feet|cold offices|overtime|wet socks"""),
    "routine": _parts("""jogs at six|brews a pot of green tea|cycles to work|brings a packed lunch
        |walks the dog twice|listens to an hour of radio drama|practises handwriting|drinks two cans of cola
        |does fifty push-ups|writes a diary|watches the early news|feeds the ducks"""),
    "day": ["{month} {number}", "{month} {number} last year"],
    "number": [str(number) for number in range(1, 29)],
    "shop": _parts("""the supermarket|the hardware store|the corner shop|the stationer's|the pharmacy
        |the farmers' market|the department store|a kiosk|the petrol station|a wholesale shop"""),
    "item": _parts("""a bag of oranges|two tubes of toothpaste|a pack of batteries|a roll of tape|a towel
        |dish soap|ten hangers|bin bags|a ballpoint pen|sticky notes|a bunch of spring onions|a bag of sugar
        |a bottle of vinegar|a bar of soap|a pair of slippers|a ball of string|a box of plasters|a hook
        |wet wipes|two pounds of plums|drawing pins|a light bulb|a tube of glue|a ladle"""),
    "spot": _parts("""the city park|the botanical garden|the train station|the bus station|the cinema|the museum
        |the sports hall|the post office|the bank|the motorway services|the bakery|the zoo|the art gallery
        |the exhibition hall|the river path|the high street|the builders' yard|the old pier|the playground
        |the underpass|the footbridge|the town hall"""),
    "outdoors": _parts("""the city park|the station|the sports hall|the river path|the high street|the old pier
        |the canal"""),
    "sight": _parts("""a magpie|a rainbow|a balloon seller|two people arguing|a class of schoolchildren
        |a vintage car|a flock of pigeons|a film crew|a bride and groom|a lost glove|a crooked tree
        |somebody flying a kite|a street painter|a broken-down lorry|a squirrel|a mime|two kids on skateboards
        |a man with a metal detector"""),
    "film": _parts("""penguins|ancient Rome|the spice trade|volcanoes|high-speed rail|cathedrals|wasps|deserts
        |the invention of paper|the Great Wall|the moon landing|cave paintings|salt|dinosaurs|migrating birds
        |silk|porcelain|bridges"""),
    "bus": _parts("3|7|12|18|25|33|41|56|68|77|92|101|116|205|318|507"),
    "minutes": _parts("ten|fifteen|twenty|twenty-five|thirty|forty|fifty"),
    "dish": _parts("""an omelette|a bagel|lentil soup|a burrito|ramen|a baked potato|a club sandwich
        |fish and chips|a quiche|dumplings|chicken curry|a falafel wrap|onion soup|sushi rolls|a kebab|bean stew
        |a panini|a Greek salad"""),
    "dream": _parts("""a flying whale|being back at primary school|an exam without a pen|a house without doors
        |falling into a well|a train under the sea|losing all teeth|chasing a fox through snow
        |turning into a tree|singing on the moon|racing a dinosaur|an endless corridor|a lost shoe
        |dinner with aliens"""),
    "talk": _parts("""house prices|petrol prices|the weather|the new tram line|parking|recycling|the lottery
        |a new film|vegetable prices|postage|tutoring|shares|roadworks|the World Cup|bubble tea|phone contracts
        |air quality|camping"""),
    "tool": _parts("""a screwdriver|a ladder|a bicycle pump|a tape measure|a drill|a handcart|a power bank
        |a baking tray|a luggage scale|a folding chair|a kettle|a spanner|a glue gun|a picnic blanket"""),
    "parcel": _parts("""a postcard|a crate of apples|a fruit cake|a tin of tea|a calendar|a salami
        |a box of biscuits|a bag of dates|a letter|a scarf|a box of oranges|a bag of hazelnuts
        |a box of chocolates"""),
    "detail": _parts("""car park|lighting|chairs|signs|toilets|background music|tickets|staircase
        |information desk|floor tiles|revolving door|announcements|litter bins|lockers"""),
    "opinion": _parts("""could be better|could be worse|changed for the better|did the job|looked odd
        |looked old-fashioned|looked smart|made little sense|went downhill|took some getting used to
        |came as a surprise"""),
}
