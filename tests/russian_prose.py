"""Made-up Russian prose by a seed, and copies of it with some words changed."""

import random

WORDS = """\
берег ветер вечер гора город дверь дерево дождь дом дорога друг дядя завод зима камень книга
колодец лампа лес лодка луг мастер море мост музей ночь облако огонь окно остров отец парус песня
письмо площадь поезд поле порог праздник птица рассвет река рынок рыбак сад свет север скрипка снег
солнце старик степь стол сторож тишина трава туман улица утро учитель хлеб холм цветок час яблоко
белый быстрый весёлый глубокий грустный далёкий добрый долгий древний жаркий зелёный крепкий лёгкий
медленный молодой мудрый новый острый первый пустой ранний робкий светлый синий старый странный
строгий тёплый тёмный тихий тонкий тяжёлый узкий хмурый чистый широкий ясный ведёт видит горит
гуляет держит дремлет думает ждёт живёт зовёт идёт ищет кричит летит лежит ловит любит молчит несёт
открывает пишет плывёт поёт помнит просит растёт сидит слушает смотрит спит спорит стоит строит
теряет уходит чинит читает шумит над под перед около среди возле через после вдоль"""
VOCABULARY = WORDS.split()


def sentence(rng: random.Random, words: int) -> str:
    """Words by chance, with a capital and a full stop."""
    return " ".join(rng.choices(VOCABULARY, k=words)).capitalize() + "."


def paragraph(rng: random.Random, words: int = 50) -> str:
    """Sentences of about ten words."""
    sizes = [10] * (words // 10) + ([words % 10] if words % 10 else [])
    return " ".join(sentence(rng, size) for size in sizes)


def text(rng: random.Random, paragraphs: int, words: int = 50) -> str:
    """Paragraphs, one a line."""
    return "\n".join(paragraph(rng, words) for _ in range(paragraphs))


def changed(original: str, share: float, rng: random.Random) -> str:
    """A copy with that share of its words replaced by others, at places by chance."""
    words = original.split()
    for place in rng.sample(range(len(words)), max(1, round(share * len(words)))):
        words[place] = rng.choice([w for w in VOCABULARY if w != words[place].strip(".").lower()])
    return " ".join(words)


def shouted(original: str) -> str:
    """The same words in other case and with other marks."""
    return original.upper().replace(".", "!").replace("Ё", "Е").replace(" ", ",  ", 1)
