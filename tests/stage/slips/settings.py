"""Slips in the settings, and in the line of manage.py and of asgi.py that names them."""

import ast
import io
import re
import tokenize

from stage.code import closest
from stage.slips.slip import Slip, find_each

SETTINGS = {"ASGI_APPLICATION", "CHANNEL_LAYERS", "INSTALLED_APPS", "ROOT_URLCONF", "MIDDLEWARE", "TEMPLATES"}
SETTINGS |= {"ALLOWED_HOSTS", "DATABASES", "SECRET_KEY", "DEBUG", "STATIC_URL", "WSGI_APPLICATION"}

# The variable that names the settings' module. Django reads no other.
VARIABLE = "DJANGO_SETTINGS_MODULE"


def slips_in_the_settings_name(code, file):
    """Yield the slips in the line that names the settings' module."""
    for call in code.walk(file, ast.Call):
        yield from a_folder_of_settings(code, file, call)
    if VARIABLE not in code.text(file):
        for node in code.walk(file, ast.Constant):
            yield from nearly_the_variables_name(file, node)


def a_folder_of_settings(code, file, call):
    """The module that is named is a folder, whose modules hold the settings."""
    given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if len(given) != 2 or given[0] != VARIABLE:
        return
    path = str(given[1]).replace(".", "/")
    inside = [each for each in code.files if each.startswith(f"{path}/")]
    if inside and f"{path}.py" not in code.files and not code.text(f"{path}/__init__.py").strip():
        yield Slip(
            file,
            call.lineno,
            f"{file} names {given[1]}, which is a folder and has no settings itself. There is {inside[0]}.",
            f"The module that holds the settings: {inside[0][:-3].replace('/', '.')}.",
        )


def nearly_the_variables_name(file, node):
    """The settings are named in a variable that is nearly called DJANGO_SETTINGS_MODULE."""
    if isinstance(node.value, str) and closest(node.value, [VARIABLE], cutoff=0.85):
        yield Slip(file, node.lineno, f"{file} sets {node.value}, which nobody reads.", f"The name is {VARIABLE}.")


def slips_in_settings(code, file):
    """Yield the slips in the settings."""
    for name, line in (code.names(file) or {}).items():
        yield from nearly_a_settings_name(code, file, name, line)
    for node in code.walk(file, ast.Assign, ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        yield from find_each(OF_A_SETTING.get(ast.unparse(target), ()), file, node)
    for first, second in _joined_strings(code.text(file)):
        yield from a_comma_that_is_missing(file, first, second)


def nearly_a_settings_name(code, file, name, line):
    """A setting is misspelled: there is no setting of this name, and one is called nearly so."""
    alike = closest(name, SETTINGS, cutoff=0.85) if name.isupper() and name not in SETTINGS else None
    if alike and alike not in code.names(file) and len(re.findall(rf"\b{name}\b", code.text(file))) == 1:
        yield Slip(
            file,
            line,
            f"The settings have no {alike}. They have {name}, which nobody reads.",
            f"The setting's name is {alike}.",
        )


# CHANNEL_LAYERS


def a_layer_that_is_no_dict(file, node):
    """The default layer is a class's name, say."""
    if not isinstance(node.value, ast.Dict):
        return
    for key, layer in zip(node.value.keys, node.value.values, strict=True):
        if isinstance(layer, ast.Constant) and isinstance(key, ast.Constant) and key.value == "default":
            yield Slip(
                file,
                layer.lineno,
                f"CHANNEL_LAYERS has {layer.value!r} where a dict belongs.",
                '"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}',
            )


def keys_that_no_layer_has(file, node):
    """A layer's dict has other keys than BACKEND, CONFIG and TEST_CONFIG."""
    for layer in node.value.values if isinstance(node.value, ast.Dict) else ():
        if not isinstance(layer, ast.Dict):
            continue
        keys = [each for each in layer.keys if isinstance(each, ast.Constant)]
        look = a_key_beside_backend if "BACKEND" in [key.value for key in keys] else a_key_in_place_of_backend
        for key in keys:
            if key.value not in ("BACKEND", "CONFIG", "TEST_CONFIG"):
                yield from look(file, key)


def a_key_in_place_of_backend(file, key):
    """A layer has no BACKEND, but another key."""
    yield Slip(
        file,
        key.lineno,
        f"CHANNEL_LAYERS has {key.value!r}, and no 'BACKEND'.",
        '"BACKEND": "channels.layers.InMemoryChannelLayer"',
    )


def a_key_beside_backend(file, key):
    """What belongs into a layer's CONFIG is beside its BACKEND."""
    yield Slip(
        file,
        key.lineno,
        f"CHANNEL_LAYERS has {key.value!r} beside BACKEND, and nobody reads that there.",
        'What the layer is to know goes into "CONFIG".',
    )


# Other settings


def _strings(node):
    """Yield the strings in a node."""
    return (each for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def a_middleware_for_sockets(file, node):
    """MIDDLEWARE has one of Channels' own."""
    for value in _strings(node.value):
        if value.value.startswith("channels."):
            yield Slip(
                file,
                value.lineno,
                f"MIDDLEWARE has {value.value!r}, which is for sockets. Django's requests go through it.",
                "MIDDLEWARE without this line. In tutorial/routing.py, it wraps the URLRouter.",
            )


def a_host_with_more_than_its_name(file, node):
    """ALLOWED_HOSTS has a scheme, a port or a path."""
    for value in _strings(node.value) if isinstance(node.value, (ast.List, ast.Tuple)) else ():
        if "://" in value.value or re.search(r"[^:\]]:\d+$", value.value) or "/" in value.value:
            yield Slip(
                file,
                value.lineno,
                f"ALLOWED_HOSTS has {value.value!r}, which is no host: it has more than a name.",
                "A host's name or address alone, without a scheme and a port: 'localhost'.",
            )


def a_colon_before_the_application(file, node):
    """ASGI_APPLICATION has a colon."""
    if isinstance(node.value, ast.Constant) and ":" in str(node.value.value):
        yield Slip(
            file,
            node.lineno,
            f"ASGI_APPLICATION is {node.value.value!r}, with a colon, as on a server's command line.",
            'Dots only: ASGI_APPLICATION = "tutorial.routing.application".',
        )


OF_A_SETTING = {
    "CHANNEL_LAYERS": (a_layer_that_is_no_dict, keys_that_no_layer_has),
    "MIDDLEWARE": (a_middleware_for_sockets,),
    "ALLOWED_HOSTS": (a_host_with_more_than_its_name,),
    "ASGI_APPLICATION": (a_colon_before_the_application,),
}


# Commas


def a_comma_that_is_missing(file, first, second):
    """Two strings in a list, and no comma between them."""
    yield Slip(
        file,
        first.start[0],
        f"A comma is missing after {first.string}: Python joins it with {second.string}, the string that follows.",
        f"A comma after {first.string}.",
    )


def _joined_strings(text):
    """Yield each two strings on two lines that nothing separates, in a list of apps, middleware or hosts."""
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in (tokenize.NL, tokenize.COMMENT)
        ]
    except (tokenize.TokenError, IndentationError):
        return
    brackets = []
    for token, after in zip(tokens, tokens[1:], strict=False):
        if token.string in ("(", "[", "{"):
            brackets.append(token.string)
        elif token.string in (")", "]", "}") and brackets:
            brackets.pop()
        in_list = brackets and brackets[-1] == "["
        strings = token.type == after.type == tokenize.STRING
        if in_list and strings and token.start[0] != after.start[0]:
            yield token, after
