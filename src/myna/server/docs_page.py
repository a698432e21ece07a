"""``GET /docs``: what the OpenAPI description says, as a plain page that loads nothing and runs nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
STYLE = """body { max-width: 60rem; margin: 2rem auto; font: 1rem/1.5 sans-serif; color-scheme: light dark }
td, th { border-bottom: 1px solid; padding: .2rem .5rem; text-align: left; vertical-align: top }"""

Schema = Mapping[str, Any]


@router.get("/docs", include_in_schema=False)
async def get_docs(request: Request) -> HTMLResponse:
    """What can be asked, and with which fields."""
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})


def page(described: Schema) -> str:
    """The description as HTML: the endpoints, then the objects that their fields hold."""
    title = escape(f"{described['info']['title']} {described['info']['version']}")
    objects: Mapping[str, Schema] = described["components"]["schemas"]
    parts = [
        f"<h2>{method.upper()} {escape(path)}</h2>{_prose(it)}{_table(_asked(it, objects))}"
        for path, methods in described["paths"].items()
        for method, it in methods.items()
    ]
    told: list[str] = []
    while new := sorted(set(re.findall(r'href="#(\w+)"', "".join(parts))).difference(told)):
        parts += [f'<h2 id="{name}">{name}</h2>{_prose(objects[name])}{_table(_fields(objects[name]))}' for name in new]
        told += new
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f'<h1>{title}</h1><p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>{"".join(parts)}</html>'
    )


def _asked(endpoint: Schema, objects: Mapping[str, Schema]) -> Iterator[str]:
    for given in endpoint.get("parameters", ()):
        yield _row(f"{given['name']} (in the {given['in']})", given["schema"], required=given["required"])
    for content in endpoint.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        yield from _fields(objects[_name(schema)] if "$ref" in schema else schema)


def _fields(schema: Schema) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield _row(name, field, required=name in schema.get("required", ()))


def _row(name: str, field: Schema, *, required: bool) -> str:
    default = "required" if required else escape(json.dumps(field["default"])) if "default" in field else ""
    return f"<tr><td><code>{escape(name)}</code><td>{_kind(field)}<td>{default}<td>{_prose(field)}"


def _table(rows: Iterator[str]) -> str:
    told = "".join(rows)
    return told and f"<table><tr><th>field<th>type<th>default<th>{told}</table>"


def _kind(field: Schema) -> str:
    if "$ref" in field:
        return f'<a href="#{_name(field)}">{_name(field)}</a>'
    if kinds := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(_kind(kind) for kind in kinds if kind != {"type": "null"})
    if "items" in field:
        return f"list of {_kind(field['items'])}"
    return escape(", ".join(map(json.dumps, field["enum"])) if "enum" in field else field.get("type", "anything"))


def _name(field: Schema) -> str:
    return field["$ref"].rpartition("/")[2]


def _prose(it: Schema) -> str:
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", escape(it.get("description", "")))
