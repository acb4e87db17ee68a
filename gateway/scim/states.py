"""A user's attributes changed by PATCH (RFC 7644 §3.5.2).

A single value is set in the stored payload itself; what selects among entries goes through
scim2-models, whose semantics of `add`, `replace`, value paths and `primary` we share.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from pydantic import ValidationError
from scim2_models import Context, MutabilityException, PatchOp

from gateway.scim.attributes import Schema
from gateway.scim.bodies import Payload, refusal_of
from gateway.scim.models import POLICY
from gateway.scim.operations import Operation


def patched(schema: Schema, payload: Payload, operations: Iterable[Operation]) -> Payload:
    """Return the state after the operations, applied in order.

    :raises SCIMException: an operation does not fit the state.
    """
    for plain, group in groupby(operations, key=lambda each: each.target.is_plain):
        if plain:
            for operation in group:
                _set(payload, operation)
        else:
            payload = _through_models(schema, payload, list(group))
    return payload


def _set(payload: Payload, operation: Operation) -> None:
    target = operation.target
    if operation.op == "remove" and target.leaf.required:
        raise MutabilityException(detail=f"'{target.text}' is required.")
    *parents, last = target.keys
    holder = payload
    for key in parents:
        holder = holder.setdefault(key, {})
    if operation.op == "remove":
        holder.pop(last, None)
    else:
        holder[last] = operation.value


def _through_models(schema: Schema, payload: Payload, operations: Sequence[Operation]) -> Payload:
    sound = [each for each in operations if each.target.attribute.key != "schemas"]
    if not sound:
        return payload
    try:
        resource = schema.model.model_validate(payload, scim_policy=POLICY)
        patch = PatchOp[schema.model].model_validate(  # type: ignore[name-defined]
            {"Operations": [_spelled(each) for each in sound]},
            scim_ctx=Context.RESOURCE_PATCH_REQUEST,
            scim_policy=POLICY,
        )
        patch.patch(resource, scim_policy=POLICY)
    except ValidationError as error:
        raise refusal_of(error) from None
    return dict(resource.model_dump())


def _spelled(operation: Operation) -> Mapping[str, Any]:
    spelled = {"op": operation.op, "path": operation.target.text}
    return spelled if operation.value is None else {**spelled, "value": operation.value}
