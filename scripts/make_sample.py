#!/usr/bin/env python3
"""Writes examples/sample/events.jsonl: a small invented shop with readers, cooks, runners and gardeners.

The seed is fixed, so that running it again gives the same bytes. Usage: python3 scripts/make_sample.py
"""

import datetime
import json
import pathlib
import random

CATALOGUE = {
    "books": """Crime novel set in a foggy harbour town|Pocket atlas of forgotten islands|Short stories about trains and strangers
        |Biography of a woman who mapped the stars|Poems for long winter evenings|Science fiction saga, first volume
        |History of tea in twelve cups|Detective puzzle book for rainy days|Krimi aus den Alpen, Taschenbuch
        |Graphic novel about a lighthouse keeper|Philosophy for beginners|Travel diary from the Silk Road|唐诗三百首，精装版
        |Fantasy epic with dragons and maps|Essays on walking|Novel about three sisters in Lisbon|科幻小说集，五位作者
        |Letters from a lost expedition|Introduction to birdsong""",
    "food": """Sourdough loaf with rye|Olive oil, first pressing, half a litre|Dark chocolate with sea salt|Smoked salmon, sliced
        |Free-range eggs, ten pieces|Basmati rice, one kilo|Fresh trout from the lake|Vollkornbrot vom Bäcker
        |Strawberry jam without added sugar|Goat cheese with herbs|Espresso beans, dark roast|龙井绿茶，一百克
        |Chickpeas, dried|Honey from the lime trees|Parmesan, aged two years|Cod fillet, frozen|Bergkäse am Stück
        |Spicy kimchi in a jar|Pasta made with durum wheat|麻辣火锅底料""",
    "sport": """Running shoes for long distances|Yoga mat, non-slip|Water bottle for cycling|Trail running vest with pockets
        |Swimming goggles, clear lenses|Football, size five|Kettlebell, twelve kilos|Climbing chalk bag|Laufsocken, drei Paar
        |Bicycle helmet, light|Tennis balls, can of four|Heart rate belt|Skipping rope|羽毛球拍，一对|Hiking poles, foldable
        |Wool base layer for cold days|Table tennis bat|Trinkrucksack für Radfahrer""",
    "garden": """Tomato seeds, old varieties|Watering can made of zinc|Pruning shears with wooden handle|Lavender in a pot
        |Compost, forty litres|Bird house for small songbirds|Rose fertiliser, organic|Raised bed kit made of larch
        |Kräuterspirale, Bausatz|Garden gloves, size eight|Sunflower seeds, mixed heights|Bulbs for spring, fifty pieces
        |Rain barrel with tap|Herb scissors|兰花盆栽|Strawberry plants, six pieces|Wild flower meadow mix
        |Gartenschlauch, zwanzig Meter""",
    "music": """Acoustic guitar for beginners|Vinyl record, jazz trio live|Piano studies, first book|Harmonica in C
        |Headphones, closed, for home recording|Violin strings, set of four|Ukulele with bag|Metronome, mechanical
        |Schallplatte: Wiener Walzer|Drum sticks made of hickory|Cello concertos on two records|古筝曲集，附光盘
        |Music stand, foldable|Microphone for podcasts|Synthesizer, two octaves|Song book for the campfire
        |Recorder made of pear wood|Concert ticket, string quartet""",
    "children": """Picture book about a curious fox|Wooden railway, starter set|Nappies, size three|Baby bottle made of glass
        |Puzzle with farm animals, 48 pieces|Rain boots for children, yellow|Night light in the shape of a moon
        |Building bricks, large box|Kinderbuch: Der kleine Bär zieht um|Finger paints, washable|Soft blanket for babies
        |School bag for beginners|儿童识字卡片|Board game for four players|Teething ring|Balance bike, red|Carrot purée, organic
        |Colouring pencils, twenty-four""",
    "technology": """Mechanical keyboard, quiet switches|USB-C hub with six ports|Solar charger for hikers|Noise-cancelling earbuds
        |E-reader with warm light|Soldering iron with stand|Single-board computer kit|Webcam with privacy shutter
        |Kabelloser Lautsprecher fürs Bad|Smart thermostat|Portable hard disk, two terabytes|智能手表，防水
        |Graphics tablet for drawing|Robot vacuum cleaner|Router with mesh|Tripod for phones|Rechargeable batteries, eight
        |3D printer filament, white""",
    "home": """Cast iron pan, 28 centimetres|Linen sheets, undyed|Desk lamp with a long arm|Wool carpet, hand-woven
        |Chef's knife, Japanese steel|Glass jars for storage, six|Bookshelf made of oak|Teapot made of clay|紫砂茶壶
        |Scented candle, cedar|Bread proofing basket|Salatschüssel aus Holz|Picture frames, set of three|Coffee grinder by hand
        |Down pillow, soft|Wall clock without ticking|Tool box, filled|Wok made of carbon steel|Kissenbezug mit Blumen
        |Folding chair for guests""",
}
FIRST = """Ada Ben Chiara Dmitri Elif Finn Greta Hiro Ines Jonas Klara Liang Mei Noah Olga Pavel Quinn Rosa Sven Tara Umar Vera
    Wei Xenia Yusuf Zoe Anton Bea Carlo Dana Emil Fatima Georg Hanna Ivan Julia Kenji Lena Marco Nina Oskar Paula Rashid
    Sara Tom Ursula Viktor Wanda Xiang Yara Zeno Aiko Bruno Clara Diego Eva Felix Gina Hugo Iris""".split()
COUNTRIES = ["Germany", "China", "Austria", "United Kingdom", "Italy", "Japan", "Spain"]
TEXTS = {
    "books": ["I read a crime novel every week.", "Ich lese am liebsten auf langen Zugfahrten.", "我最喜欢读科幻小说。"],
    "food": ["I bake my own bread on Sundays.", "Am Wochenende koche ich für Freunde.", "我喜欢喝茶，也爱做饭。"],
    "sport": ["Training for my first marathon.", "Ich fahre jeden Tag mit dem Rad.", "周末常去打羽毛球。"],
    "garden": ["My tomatoes are doing well this year.", "Der Garten ist mein Ausgleich.", "阳台上种满了花。"],
    "music": ["I play the guitar in a small band.", "Ich sammle Jazz auf Schallplatten.", "正在学古筝。"],
    "children": ["Our baby is finally sleeping through.", "Drei Kinder halten uns auf Trab.", "女儿今年上小学了。"],
    "technology": ["I build small robots as a hobby.", "Ich bastle gern mit Elektronik.", "喜欢折腾各种数码产品。"],
    "home": ["We are furnishing our first flat.", "Ich mag schlichte Möbel aus Holz.", "新家正在装修。"],
}
REVIEWS = ["Exactly what I was looking for.", "Good, but the parcel came late.", "Würde ich wieder kaufen.", "质量很好，推荐。",
           "A present, and it was well received.", "Smaller than I thought."]
KINDS = [("view", 60), ("cart", 14), ("purchase", 16), ("like", 6), ("review", 3), ("dismiss", 1)]
START = datetime.datetime(2025, 1, 1)


def main():
    random.seed(20250101)
    lines, items, prices = [], {}, {}
    for category, texts in CATALOGUE.items():
        for number, text in enumerate(texts.split("|"), 1):
            item = f"{category}-{number:02}"
            items.setdefault(category, []).append(item)
            prices[item] = round(random.lognormvariate(2.7, 0.7), 2)
            attributes = {"category": category, "price": prices[item]}
            lines.append({"type": "item", "id": item, "text": " ".join(text.split()), "attributes": attributes})
    events = []
    for position, name in enumerate(FIRST):
        user, tastes = name.lower(), random.sample(list(CATALOGUE), 2)
        since = START - datetime.timedelta(days=random.randint(1, 2000))
        attributes = {
            "age": random.randint(18, 78),
            "country": COUNTRIES[position % len(COUNTRIES)],
            "member_since": {"time": since.strftime("%Y-%m-%dT00:00:00Z")},
        }
        lines.append({"type": "user", "id": user, "attributes": attributes})
        if random.random() < 0.6:
            when = START + datetime.timedelta(minutes=random.randint(0, 365 * 24 * 60))
            text = random.choice(TEXTS[tastes[0]])
            events.append((when, {"type": "text", "user": user, "text": text, "time": when.strftime("%Y-%m-%dT%H:%M:%SZ")}))
        events.extend(acts(user, tastes, items, prices))
    events.sort(key=lambda event: (event[0], event[1]["user"]))
    lines.extend(line for _, line in events)
    path = pathlib.Path(__file__).parent.parent / "examples/sample/events.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{path}: {len(lines)} lines, {path.stat().st_size} bytes")


def acts(user, tastes, items, prices):
    """What one user does in a year: mostly in two categories, mostly at the user's own hour."""
    hour = random.choice([7, 9, 12, 18, 20, 21])
    for _ in range(random.randint(35, 65)):
        category = random.choices([*tastes, random.choice(list(CATALOGUE))], [6, 3, 1])[0]
        item = items[category][min(int(random.expovariate(0.15)), len(items[category]) - 1)]
        when = START + datetime.timedelta(days=random.randint(0, 364), hours=hour, minutes=random.randint(0, 119))
        kind = random.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
        event = {"type": "event", "user": user, "item": item, "kind": kind, "time": when.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if kind == "purchase":
            quantity = random.choice([1, 1, 1, 1, 2, 3])
            event |= {"value": round(prices[item] * quantity, 2), "quantity": quantity}
        if kind == "review":
            event |= {"value": random.choice([3, 4, 4, 5, 5]), "text": random.choice(REVIEWS)}
        yield when, event


if __name__ == "__main__":
    main()
