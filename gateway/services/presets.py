"""The packaged presets, read once."""

from functools import cache
from importlib.resources import files

import yaml

from gateway.domain.presets import Catalogue, catalogue


@cache
def packaged() -> Catalogue:
    """Return the presets that this version ships.

    :raises PresetError: names the place in the file that is wrong.
    """
    text = files("gateway").joinpath("presets.yaml").read_text(encoding="utf-8")
    return catalogue(yaml.safe_load(text))
