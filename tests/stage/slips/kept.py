"""Slips in where a consumer keeps its values: where all consumers share them, or over what Channels has set."""

import ast

from stage.slips.slip import FUNCTIONS, Slip, find_each

THE_CLASS = "ChatConsumer", "self.__class__", "type(self)", "cls"
MUTATE = {"append", "add", "insert", "extend", "update", "setdefault", "remove", "discard", "pop"}


def what_is_overwritten_or_global(consumer):
    """A method writes to what all consumers share, or to what Channels has set."""
    for method in consumer.node.body:
        for node in ast.walk(method) if isinstance(method, FUNCTIONS) else ():
            yield from find_each(OF_A_NODE, consumer.file, node)


def a_global_name(file, node):
    """A method has a `global` statement."""
    if isinstance(node, ast.Global):
        yield Slip(
            file,
            node.lineno,
            f"{', '.join(node.names)} is global here: one value for all consumers.",
            f"self.{node.names[0]}: each consumer keeps its own.",
        )


def _is_set(node):
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def an_attribute_of_the_class(file, node):
    """A method sets an attribute of the class."""
    if _is_set(node) and ast.unparse(node.value) in THE_CLASS:
        yield Slip(
            file,
            node.lineno,
            f"{node.attr} is kept on the class here, and all consumers share that.",
            f"self.{node.attr}: each consumer keeps its own.",
        )


def an_attribute_of_channels(file, node):
    """A method sets an attribute that Channels has set."""
    if _is_set(node) and ast.unparse(node.value) == "self" and node.attr in ("channel_name", "channel_layer", "scope"):
        yield Slip(
            file,
            node.lineno,
            f"Channels has set self.{node.attr} already, and this line overwrites it.",
            "Another name for what you keep here.",
        )


OF_A_NODE = a_global_name, an_attribute_of_the_class, an_attribute_of_channels


def what_all_share(consumer):
    """A list, set or dict is in the class itself, and a method changes it."""
    kept = {
        ast.unparse(node.targets[0]): node
        for node in consumer.node.body
        if isinstance(node, ast.Assign)
        and (
            isinstance(node.value, (ast.List, ast.Set, ast.Dict))
            or ast.unparse(node.value) in ("set()", "list()", "dict()")
        )
    }
    for node in ast.walk(consumer.node):
        if not isinstance(node, ast.Attribute) or node.attr not in kept:
            continue
        parent = node.parent
        changed = isinstance(parent, ast.Attribute) and parent.attr in MUTATE
        changed = changed or isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)
        if changed and ast.unparse(node.value) in ("self", *THE_CLASS):
            where = kept.pop(node.attr)
            yield Slip(
                consumer.file,
                where.lineno,
                f"{node.attr} is kept on the class here: all consumers of this process, in all rooms, share it.",
                "The room's members are in its group: group_add() and group_discard() keep them, group_send() reaches "
                "them.",
            )
