"""Which fields of which classes a program reads: by the type of what stands before the dot, not by the field's name.

Types come from annotations, followed through assignments, loops, attributes and calls. A container counts as what it
holds. A field that is only copied into another object of its own class is not read.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Types: TypeAlias = frozenset[str]

_NOTHING: Types = frozenset()
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Program:
    """What modules declare, and the fields that they read."""

    records: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The fields of every dataclass and every model, by class."""

    reads: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Class and field."""

    _attributes: dict[str, dict[str, Types]] = field(default_factory=dict[str, dict[str, Types]])
    _functions: dict[str, Types] = field(default_factory=dict[str, Types])

    @classmethod
    def of(cls, sources: Sequence[Path]) -> "Program":
        return cls.parsed([source.read_text(encoding="utf-8") for source in sources])

    @classmethod
    def parsed(cls, texts: Sequence[str]) -> "Program":
        program, trees = cls(), [ast.parse(text) for text in texts]
        classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        program._attributes = {node.name: {} for node in classes}
        for kind in classes:
            program._declare(kind)
        for tree in trees:
            for node in ast.walk(tree):
                if isinstance(node, _Function):
                    program._functions[node.name] = program._functions.get(
                        node.name, _NOTHING
                    ) | program._named(node.returns)
        for tree in trees:
            program._scope(tree, {}, None)
        return program

    def unread(self) -> list[str]:
        """Every field that nothing reads."""
        return [
            f"{name}.{item}"
            for name, fields in self.records.items()
            for item in fields
            if (name, item) not in self.reads
        ]

    def _declare(self, node: ast.ClassDef) -> None:
        attributes = self._attributes[node.name]
        record = any("dataclass" in ast.unparse(item) for item in node.decorator_list) or any(
            ast.unparse(base) == "BaseModel" for base in node.bases
        )
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                attributes[item.target.id] = self._named(item.annotation)
                if record:
                    self.records.setdefault(node.name, []).append(item.target.id)
            if isinstance(item, _Function):
                attributes[item.name] = self._named(item.returns)
                parameters = self._parameters(item)
                for inner in ast.walk(item):
                    # What a constructor keeps of its parameters.
                    if (
                        isinstance(inner, ast.Assign)
                        and isinstance(target := inner.targets[0], ast.Attribute)
                        and isinstance(inner.value, ast.Name)
                    ):
                        attributes[target.attr] = parameters.get(inner.value.id, _NOTHING)

    def _named(self, annotation: ast.expr | None) -> Types:
        """The program's classes that an annotation speaks of."""
        if annotation is None:
            return _NOTHING
        found: set[str] = set()
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
        return frozenset(found & self._attributes.keys())

    def _parameters(self, node: _Function) -> dict[str, Types]:
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return {item.arg: self._named(item.annotation) for item in every}

    def _scope(
        self, node: ast.Module | ast.ClassDef | _Function, outer: Mapping[str, Types], owner: str | None
    ) -> None:
        names = dict(outer)
        if isinstance(node, _Function):
            names |= self._parameters(node)
            if owner is not None:
                names["self"] = frozenset({owner})
        within = list(_within(node))
        for _ in range(3):  # A name may get its type from one that is assigned further down the tree.
            for item in within:
                self._assign(item, names)
        for item in node.body:
            self._read(item, names, frozenset())
        for item in within:
            if isinstance(item, ast.ClassDef):
                self._scope(item, names, item.name)
            elif isinstance(item, _Function):
                self._scope(item, names, node.name if isinstance(node, ast.ClassDef) else owner)

    def _assign(self, node: ast.AST, names: dict[str, Types]) -> None:
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.For | ast.comprehension):
            pairs = [(node.target, node.iter)]
        elif isinstance(node, ast.NamedExpr):
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = self._named(node.annotation) or names.get(node.target.id, _NOTHING)
        for target, value in pairs:
            targets = target.elts if isinstance(target, ast.Tuple) else [target]
            values = (
                value.elts if isinstance(value, ast.Tuple) and len(targets) > 1 else [value] * len(targets)
            )
            for one, its in zip(targets, values, strict=False):
                if isinstance(one, ast.Name):
                    names[one.id] = names.get(one.id, _NOTHING) | self._type(its, names)

    def _type(self, node: ast.expr, names: Mapping[str, Types]) -> Types:
        match node:
            case ast.Name():
                return names.get(node.id, _NOTHING)
            case ast.Attribute():
                found = [
                    self._attributes[name].get(node.attr, _NOTHING) for name in self._type(node.value, names)
                ]
                return _NOTHING.union(*found)
            case ast.Call(func=ast.Name(id=name)) if name in self._attributes:
                return frozenset({name})
            case ast.Call(func=ast.Name(id=name)):
                passed = (self._type(argument, names) for argument in node.args)
                return self._functions.get(name) or _NOTHING.union(*passed)
            case ast.Call(func=ast.Attribute() as method):
                # Of a class, or of a module, or of a container: values(), get().
                own = self._type(method, names) or self._functions.get(method.attr, _NOTHING)
                return own or self._type(method.value, names)
            case ast.Subscript():
                return self._type(node.value, names)
            case ast.BoolOp():
                return _NOTHING.union(*(self._type(value, names) for value in node.values))
            case ast.IfExp():
                return self._type(node.body, names) | self._type(node.orelse, names)
            case ast.Tuple() | ast.List():
                return _NOTHING.union(*(self._type(value, names) for value in node.elts))
            case ast.Starred():
                return self._type(node.value, names)
            case _:
                return _NOTHING

    def _read(self, node: ast.AST, names: Mapping[str, Types], copied: Types) -> None:
        if isinstance(node, _Function | ast.ClassDef):
            return
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self.reads |= {(name, node.attr) for name in self._type(node.value, names) - copied}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            copied |= {node.func.id}
        for child in ast.iter_child_nodes(node):
            self._read(child, names, copied)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a scope, scopes inside of it included and not entered."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _Function | ast.ClassDef):
            yield from _within(child)
