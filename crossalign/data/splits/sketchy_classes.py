"""The 125 class names of the Sketchy database, sorted as its folders are.

Sangkloy, Burnell, Ham and Hays, "The Sketchy Database", SIGGRAPH 2016.
"""

from __future__ import annotations

SKETCHY_CLASSES: tuple[str, ...] = (
    "airplane", "alarm_clock", "ant", "ape", "apple", "armor", "axe", "banana", "bat", "bear",
    "bee", "beetle", "bell", "bench", "bicycle", "blimp", "bread", "butterfly", "cabin",
    "camel", "candle", "cannon", "car_(sedan)", "castle", "cat", "chair", "chicken", "church",
    "couch", "cow", "crab", "crocodilian", "cup", "deer", "dog", "dolphin", "door", "duck",
    "elephant", "eyeglasses", "fan", "fish", "flower", "frog", "geyser", "giraffe", "guitar",
    "hamburger", "hammer", "harp", "hat", "hedgehog", "helicopter", "hermit_crab", "horse",
    "hot-air_balloon", "hotdog", "hourglass", "jack-o-lantern", "jellyfish", "kangaroo",
    "knife", "lion", "lizard", "lobster", "motorcycle", "mouse", "mushroom", "owl", "parrot",
    "pear", "penguin", "piano", "pickup_truck", "pig", "pineapple", "pistol", "pizza",
    "pretzel", "rabbit", "raccoon", "racket", "ray", "rhinoceros", "rifle", "rocket",
    "sailboat", "saw", "saxophone", "scissors", "scorpion", "sea_turtle", "seagull", "seal",
    "shark", "sheep", "shoe", "skyscraper", "snail", "snake", "songbird", "spider", "spoon",
    "squirrel", "starfish", "strawberry", "swan", "sword", "table", "tank", "teapot",
    "teddy_bear", "tiger", "tree", "trumpet", "turtle", "umbrella", "violin", "volcano",
    "wading_bird", "wheelchair", "windmill", "window", "wine_bottle", "zebra",
)
