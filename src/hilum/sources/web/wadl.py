"""WADL, the Web Application Description Language, as a tree that is written as XML or as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import quoteattr

NAMESPACE: Final = "http://wadl.dev.java.net/2009/02"


@dataclass(frozen=True, slots=True)
class Node:
    """An element with its attributes and what is in it."""

    name: str
    attributes: Mapping[str, str]
    children: Sequence["Node"] = ()


def wadl_xml(tree: Node) -> bytes:
    """Write a tree as a document."""
    root = Node(tree.name, {"xmlns": NAMESPACE, **tree.attributes}, tree.children)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', *_lines(root, "")]
    return ("\n".join(lines) + "\n").encode()


def wadl_json(tree: Node) -> bytes:
    """Write a tree as JSON: attributes begin with an at sign, elements of one name are a list."""
    return json.dumps({tree.name: _object(tree)}, separators=(",", ":")).encode()


def _lines(node: Node, indent: str) -> list[str]:
    attributes = "".join([f" {name}={quoteattr(text)}" for name, text in node.attributes.items()])
    if not node.children:
        return [f"{indent}<{node.name}{attributes}/>"]
    inside = [line for child in node.children for line in _lines(child, f"{indent} ")]
    return [f"{indent}<{node.name}{attributes}>", *inside, f"{indent}</{node.name}>"]


def _object(node: Node) -> dict[str, Any]:
    """Give a node as JSON has it."""
    found: dict[str, Any] = {f"@{name}": text for name, text in node.attributes.items()}
    for child in node.children:
        found.setdefault(child.name, []).append(_object(child))
    return found
