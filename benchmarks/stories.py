"""Long replies, by language: something for Myna to say while it is spoken over. More than half a minute each."""

STORIES = {
    "zh": "从前有一座山，山上住着一位老人。他每天早上都去河边打水，然后给院子里的花浇水。"
    "有一天，他在路上遇见了一只受伤的小鸟。老人把小鸟带回家，给它包扎伤口，喂它吃东西。"
    "过了几个星期，小鸟的伤好了，可是它不愿意离开。从那以后，小鸟每天早上都在窗前唱歌。"
    "村里的人听见了，都跑来看这只会唱歌的小鸟。有人想出很多钱把它买走，老人总是摇摇头。他说，朋友是不能卖的。"
    "冬天来了，大雪盖住了整座山。小鸟没有飞到南方去，它留下来陪着老人。"
    "他们坐在火炉旁边，一个讲故事，一个听故事。春天到了，山上的花又开了，比往年开得更好看。",
    "en": "Once upon a time an old man lived on a hill above the sea. Every morning he walked down to the harbour and "
    "looked at the boats. One day he found a small bird with a broken wing. He carried it home and gave it water and "
    "bread. After a few weeks the bird could fly again, but it did not want to leave. From then on it sang at his "
    "window every morning. People came from the village to listen. A rich man offered a lot of money for it, but the "
    "old man shook his head. He said that a friend is not for sale. Then the winter came, and the snow covered the "
    "hill. The bird did not fly south. It stayed, and they sat together by the fire. When the spring came back, the "
    "flowers on the hill were brighter than ever before.",
}
