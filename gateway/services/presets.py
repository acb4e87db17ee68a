"""The packaged presets, read once, and the one that an organisation has."""

from functools import cache
from importlib.resources import files

import yaml
from sqlalchemy import select

from gateway.domain.presets import Catalogue, Preset, catalogue
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


@cache
def packaged() -> Catalogue:
    """Return the presets that this version ships.

    :raises PresetError: names the place in the file that is wrong.
    """
    text = files("gateway").joinpath("presets.yaml").read_text(encoding="utf-8")
    return catalogue(yaml.safe_load(text))


def of(uow: UnitOfWork) -> Preset:
    """Return the preset of the unit's organisation."""
    o = t.organisations.c
    return packaged().preset(uow.scalar(select(o.preset).where(o.id == uow.organisation_id)))
