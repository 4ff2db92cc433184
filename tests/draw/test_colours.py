"""The looks of boxes differ to every eye, in black and white, in light and in dark.

Colour-vision deficiency is simulated by the matrices of G. Machado et al., A physiologically-based model for simulation
of color vision deficiency, 2009, at full severity; colours are compared in CIELAB, where 2 is a just noticeable step.
"""

from __future__ import annotations

import itertools
import re
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from tinygrad_np.draw.dot import FAINT, HIGH, INK, LOOKS, LOW, _colour

EYES = {
    "all colours": np.eye(3),
    "without red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "without green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "without blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ @ np.ones(3)

STYLES = (files("tinygrad_np.draw") / "web" / "page.css").read_text(encoding="utf-8")
DARK = dict(
    re.findall(
        r'\[data-theme="dark"\] \.picture \[(?:fill|stroke)="(#\w{6})"\] \{ (?:fill|stroke): (#\w{6}) \}', STYLES
    )
)
DARK |= {FAINT: "#b5bac2", INK: "#ececec", "#ffffff": "#1b2027"}
"""What the page makes of a colour when its lights are off."""

FAR, NEAR = 10, 5
"""How far two looks are apart at least; white and grey boxes, whose borders are a line and dashes, may be nearer."""


def linear(colour: str) -> Any:
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(colour: str, eye: Any = EYES["all colours"]) -> Any:
    x, y, z = TO_XYZ @ np.clip(eye @ linear(colour), 0, 1) / WHITE
    a, b, c = (np.cbrt(one) if one > 216 / 24389 else (24389 / 27 * one + 16) / 116 for one in (x, y, z))
    return np.array([116 * b - 16, 500 * (a - b), 200 * (b - c)])


def contrast(text: str, paper: str) -> float:
    darker, lighter = sorted(float((TO_XYZ @ linear(one))[1]) for one in (text, paper))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("lights", ["on", "off"])
@pytest.mark.parametrize("part", ["fill", "line"])
def test_the_colours_of_boxes_are_far_apart_to_every_eye(eye: str, lights: str, part: str) -> None:
    colours = {getattr(look, part) for look in LOOKS.values()}
    for one, other in itertools.combinations(sorted(colours), 2):
        shown = [DARK[colour] if lights == "off" else colour for colour in (one, other)]
        distance = np.linalg.norm(lab(shown[0], EYES[eye]) - lab(shown[1], EYES[eye]))
        is_near = {one, other} == {LOOKS["data"].fill, LOOKS["operation"].fill}
        assert distance > (NEAR if is_near else FAR), (one, other, distance)


def test_in_black_and_white_the_boxes_differ_in_lightness() -> None:
    lightness = sorted(lab(colour)[0] for colour in {look.fill for look in LOOKS.values()})
    assert min(np.diff(lightness)) > 3.5


@pytest.mark.parametrize("lights", ["on", "off"])
def test_what_is_written_in_a_box_can_be_read(lights: str) -> None:
    for look in LOOKS.values():
        for text in (INK, FAINT):
            shown = [DARK[colour] if lights == "off" else colour for colour in (text, look.fill)]
            assert contrast(*shown) > 4.5, (look.legend, text)


@pytest.mark.parametrize("eye", EYES)
def test_the_strip_goes_from_dark_to_light_to_every_eye(eye: str) -> None:
    lightness = [lab(_colour(part), EYES[eye])[0] for part in np.linspace(0, 1, 12)]
    assert min(np.diff(lightness)) > 3
    assert _colour(0) == "#" + "".join(f"{channel:02x}" for channel in LOW)
    assert _colour(1) == "#" + "".join(f"{channel:02x}" for channel in HIGH)
