"""For errors that no test foresaw: where in the project they came from, and what they mean."""

import ast
import functools
import inspect
import linecache
import re
import traceback
import types
from pathlib import Path

from stage.code import FILES, closest, read_code, stage_of, tell_place
from stage.expectations import Unmet
from stage.meanings import Meaning, find_meaning
from stage.slips import FUNCTION_FIRST, cannot_await, find_slips

# Lines of manage.py that every error of Django passes.
STARTS_DJANGO = "main()", "execute_from_command_line(sys.argv)"


class UnmetIn(Unmet):
    """Something that these functions of the project do wrong, by name: a gap in another one is not the reason."""

    def __init__(self, unmet, functions):
        super().__init__(unmet.seen, unmet.asked, unmet.file, unmet.sure)
        self.page, self.functions = unmet.page, functions


class Problem:
    """
    An error that came out of the project.

    `what` is its type and its words, `places` are the (file, line number, code) in the project that it passed, the
    last one where it was raised, and `raised_here` is true if the project's own line raised it. `error` is the
    exception, or None if another Python process printed it.
    """

    def __init__(self, what, places, project, *, error=None, raised_here=False):
        self.what, self.places, self.error, self.raised_here = what, places, error, raised_here
        self.project = Path(project).resolve()

    @functools.cached_property
    def code(self):
        return read_code(self.project)

    @property
    def place(self):
        return self.places[-1] if self.places else None


def explain(error, project, asked, file):
    """
    Return an Unmet that says where in the project an unforeseen error came from, and what it means.

    `error` is what was raised, and `project` is the folder that holds manage.py. `asked` and `file` say what the
    failed test is about: `file` is the one to open unless the error points to another.
    """
    chain = [error]
    while before := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__):
        chain.append(before)  # Channels and Django wrap an ImportError, for example
    cause = next((link for link in chain if _places(link, project)), error)
    words = cause.msg if isinstance(cause, SyntaxError) else str(cause)
    # An ImportError ends with a path of this computer, and a module's repr() has one.
    words = re.sub(r" \((?:/|[A-Z]:)[^()]*\)$| from '(?:/|[A-Z]:)[^']*'", "", words)
    what = ": ".join(filter(None, [type(cause).__name__, words]))
    places = _places(cause, project)
    steps = traceback.extract_tb(cause.__traceback__)
    raised_here = bool(places and steps and own_places([_step(steps[-1])], project))
    what = what.partition(" If you see the 'urlpatterns' variable")[0]  # Django's guess at the cause
    problem = Problem(what, places, project, error=cause, raised_here=raised_here)
    unmet = _explain(problem, asked, file)
    unmet.sure = bool(places)
    around = problem.code.around(*problem.place[:2]) if isinstance(cause, NameError) and places else ()
    # What a gap leaves out in one function is no name in another.
    return UnmetIn(unmet, {function.name for function in around}) if around else unmet


def explain_output(output, project, asked, file):
    """Return such an Unmet for what another Python process printed: its traceback, or its last line."""
    what = (output.strip().splitlines() or ["nothing"])[-1]
    if "SystemCheckError" in output:
        checks = re.findall(r"^\S.*\(\w+\.[EW]\d+\) .*(?:\n\s+HINT: .*)?", output, flags=re.MULTILINE)
        what = "Django's checks found: " + "\n       ".join(" ".join(check.split()) for check in checks[:2] or [what])
    # A step of `python -c` has no line of code below it.
    steps = re.findall(r'^ *File "(.+)", line (\d+).*\n(?! *File ") *(.*)', output, flags=re.MULTILINE)
    steps = [(name, int(line), code) for name, line, code in steps]
    what = re.sub(r"^(?:\w+\.)+(?=\w+: )", "", what)  # django.core.exceptions.
    what = re.sub(r" \((?:/|[A-Z]:)[^()]*\)", "", what)
    raised_here = bool(steps and own_places(steps[-1:], project))
    return _explain(Problem(what, own_places(steps, project), project, raised_here=raised_here), asked, file)


def _explain(problem, asked, file):
    module = re.search(r"No module named '([\w.]+)'", problem.what)
    if module:
        return _explain_missing_module(problem, module[1], asked, file)
    template = re.fullmatch(r"TemplateDoesNotExist: ([\w./-]+)", problem.what)
    if template and not (problem.project / "chat" / "templates" / template[1]).is_file():
        return _explain_missing_template(problem, template[1])
    seen = tell(problem)
    meaning = find_meaning(problem) or _who_names_it(problem)
    if meaning is None:
        caller = _new_caller(problem)
        if caller:
            return Unmet(f"{seen}\n       It was called here:{tell_place(*caller)}", asked, caller[0])
        return Unmet(seen, asked, problem.place[0] if problem.place else file)
    place = (meaning.file, meaning.line) if meaning.line else None
    told = {(slip.file, slip.line) for slip in find_slips(problem.code, stage_of())}
    if (place or (problem.place and problem.place[:2])) in told:
        pass  # a slip says it already
    elif place and (not problem.place or place != problem.place[:2]):
        seen += f"\n       {meaning.seen}{problem.code.place(*place)}"
    else:
        seen += f"\n       {meaning.seen}"
    opened = meaning.file or (problem.place[0] if problem.place else file)
    return Unmet(seen, meaning.asked or asked, opened)


def _new_caller(problem):
    """Return the line of a file that this stage adds which gave a function of an earlier stage what it can't take."""
    if not problem.what.startswith("TypeError") or len(problem.places) < 2:
        return None
    *_, caller, (file, line, _) = problem.places
    around = problem.code.around(file, line)
    by_name = around and re.search(rf"\b{around[-1].name}\(", caller[2])
    earlier = FILES.get(file, 99) < stage_of() == FILES.get(caller[0])
    return caller if by_name and earlier else None


def _who_names_it(problem):
    """Return a Meaning for an error without a place in the project: the line that has a name which it quotes."""
    if problem.places:
        return None
    for name in re.findall(r"['\"]([\w./:-]+[./][\w./:-]+)['\"]", problem.what):
        named = problem.code.mentions(name)
        if len(named) == 1:
            return Meaning(f"{name} is named", None, *named[0])
    return None


def tell(problem):
    """Return the error's words, and the line of the project that raised it, if one did."""
    if not problem.places:
        return problem.what.rstrip(".") + "."
    return problem.what + tell_place(*problem.place)


# Modules of older versions, and what has taken their place.
GONE = {
    "channels.asgi": ("channels.asgi was Channels 1.", "from tutorial.routing import application"),
    "channels.http": ("channels.http went with Channels 4.", "get_asgi_application(), from django.core.asgi."),
    "channels.staticfiles": (
        "channels.staticfiles went with Channels 4.",
        "No such app: daphne's runserver serves them.",
    ),
    "channels.handler": ("channels.handler was Channels 1.", "A consumer, from channels.generic.websocket."),
    "django.core.urlresolvers": ("django.core.urlresolvers went with Django 2.", "The same names, from django.urls."),
}


def _explain_missing_module(problem, module, asked, file):
    """Say who names a module that can't be found, and what there is in its place."""
    code, own = problem.code, module.partition(".")[0] in ("chat", "tutorial")
    path = module.replace(".", "/") + (".py" if "." in module else "/__init__.py")
    if own and FILES.get(path, 99) <= stage_of():
        return missing_file(path, problem.project, asked)
    meaning = find_meaning(problem)
    if meaning:
        return Unmet(f"{tell(problem)}\n       {meaning.seen}", meaning.asked or asked, meaning.file or file)
    named = code.mentions(module)
    if problem.place and (problem.place[:2] in named or not named):
        named = [problem.place[:2]]
    if not named:
        return Unmet(tell(problem), asked, problem.place[0] if problem.place else file)
    where, line = named[0]
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in code.files}
    modules |= {"daphne", "channels", "channels.layers", "channels.routing", "channels.auth", "channels.db"}
    modules |= {"channels.generic.websocket", "channels.security.websocket", "django.urls", "django.core.asgi"}
    modules |= {"django.contrib." + app for app in ("admin", "auth", "contenttypes", "sessions", "messages")}
    modules |= {"django.contrib.staticfiles", "django.shortcuts", "asgiref.sync", "json", "asyncio"}
    if module in GONE:
        gone, asked = GONE[module]
        return Unmet(f"There is no module {module}: {gone}{code.place(where, line)}", asked, where)
    alike = closest(module, modules, cutoff=0.8)
    seen = f"There is no module {module}. This line names it:{code.place(where, line)}"
    if module.endswith(".apps"):
        asked = f'The app\'s own name: "{module.removesuffix(".apps")}".'
    elif alike:
        asked = f"A module that is there: {alike}, perhaps."
    elif own and path in FILES:
        asked = f"{path} belongs to stage {FILES[path]}: nothing names it before."
    else:
        asked = "A module that is there."
    return Unmet(seen, asked, where)


def _explain_missing_template(problem, name):
    """Say who names a template that can't be found, and where there is one of nearly this name."""
    code = problem.code
    if f"chat/templates/{name}" in FILES:
        return missing_file(f"chat/templates/{name}", problem.project, "Django looks for templates in chat/templates/.")
    folder = problem.project / "chat" / "templates"
    there = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    named = code.mentions(name)
    where = code.place(*named[0]) if named else ""
    return Unmet(
        f"There is no template {name} in chat/templates/. It is named{where}"
        if named
        else f"There is no template {name} in chat/templates/.",
        f"The name of a template that is there: {' or '.join(there) or 'chat/templates/ has none yet'}.",
        named[0][0] if named else "chat/views.py",
    )


def missing_file(file, project, asked):
    """Return an Unmet that says that the project has no such file, and where there is one of that name instead."""
    project = Path(project)
    if (project / "tutorial" / "manage.py").is_file() and not (project / "manage.py").is_file():
        file = "manage.py"  # the whole project is where manage.py is
        asked = (
            "startproject was run without the dot at the end, which means “here”. "
            "Move tutorial/manage.py up into this folder, and the files in tutorial/tutorial/ into tutorial/."
        )
    there = [path.relative_to(project).as_posix() for path in sorted(project.rglob("*")) if path.is_file()]
    there = [path for path in there if not path.startswith(".") and path not in FILES and path.endswith(file[-3:])]
    name = Path(file).name
    elsewhere = next((path for path in there if Path(path).name == name and name != "__init__.py"), None)
    elsewhere = elsewhere or next(
        (path for path in there if file.endswith("__init__.py") and path.endswith(f"/{file}")), None
    )
    elsewhere = elsewhere or closest(file, there, cutoff=0.85)
    if elsewhere is None:
        return Unmet(f"There is no {file}.", asked, file)
    if file.startswith("chat/templates/"):
        asked = f"Move it to {file}: the view renders {file[15:]}, and Django looks for that in chat/templates/."
    elif name == "__init__.py":
        asked = f"{asked} The folder is called {Path(file).parent}, and is next to manage.py."
    elif Path(elsewhere).parent == Path(file).parent:
        asked = f"{asked} The file's name is {file}."
    return Unmet(f"There is no {file}. But there is {elsewhere}.", asked, elsewhere)


def _step(step):
    return step.filename, step.lineno, step.line


def _places(error, project):
    """Return (file, line number, code) for each step of the error's traceback that is in the project."""
    steps = [_step(step) for step in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        steps.append((error.filename, error.lineno, (error.text or "").strip()))
    return own_places(steps, project)


def own_places(steps, project):
    """Return the steps that are in the project. A step is (file name, line number, code)."""
    own = [(_inside(filename, project), line, code) for filename, line, code in steps]
    return [
        (file, line, code)
        for file, line, code in own
        if file and not (file == "manage.py" and code in STARTS_DJANGO)  # which every error passes
    ]


@functools.cache
def _inside(filename, project):
    """Return the file's path in the project, or None if it is none of the project's own."""
    path, project = Path(filename).resolve(), Path(project).resolve()
    inside = path.relative_to(project) if path.is_relative_to(project) else None
    own = inside and inside.parts and inside.parts[0] in ("manage.py", "tutorial", "chat")
    return inside.as_posix() if own else None


def find_forgotten_await(warned, project):
    """Return an Unmet for the first warning about one of the project's coroutines, or None if there is none."""
    for warning in warned:
        called = re.match(r"coroutine '(?:\w+\.)*(\w+)' was never awaited", str(warning.message))
        code = linecache.getline(warning.filename, warning.lineno).strip()
        places = own_places([(warning.filename, warning.lineno, code)], project)
        if called and places:
            name = _name_of(warning.source) or called[1]
            call = f"{name}(…)" if f"{name}(" in code else "the call"  # it is called by another name
            how, asked = "was called without `await`, so it never ran.", f"Write `await` before {call}."
            if re.search(rf"\basync_to_sync\((?:\w+\.)*{name}\(", code):
                how = "was called, so async_to_sync() got what a call has returned, and needs the function itself."
                asked = FUNCTION_FIRST.format(function=name)
            elif cannot_await(read_code(project), *places[0][:2]):
                how = "was called, and never ran: somebody has to await it, and the function around this line is `def`."
                asked = FUNCTION_FIRST.format(function=name if f"{name}(" in code else "function")
            return Unmet(f"{name}() {how}{tell_place(*places[0])}", asked, places[0][0])
    return None


def _name_of(coroutine):
    """Return the name of the function under @database_sync_to_async or the like that made a coroutine, or None."""
    frame = getattr(coroutine, "cr_frame", None)
    return getattr(frame.f_locals.get("self"), "__name__", None) if frame else None


def find_coroutine(error, project):
    """
    Return an Unmet for an error about a coroutine that was used where its result should be, or None.

    The coroutine has never started, and is a variable, or in a dict that is one, where the error passed.
    """
    places, code = _places(error, project), read_code(project)
    coroutine = next(filter(_never_started, values_in(error)), None)
    if "coroutine" not in str(error) or not places or coroutine is None:
        return None
    name = _name_of(coroutine) or coroutine.__name__
    coroutine.close()  # it would warn, in another test perhaps
    calls = [(file, call) for file in code.files for call in code.walk(file, ast.Call)]
    calls = [(file, call) for file, call in calls if ast.unparse(call.func).rpartition(".")[2] == name]
    calls = [(file, call.lineno) for file, call in calls if not isinstance(call.parent, ast.Await)]
    seen = f"{type(error).__name__}: {error}{tell_place(*places[-1])}\n       {name}() was called without `await`"
    if calls == [places[-1][:2]] or len(calls) != 1:
        seen += ": that makes a coroutine, and runs nothing."
    else:
        seen += f": that makes a coroutine, and runs nothing.{code.place(*calls[0])}"
    return Unmet(seen, f"Write `await` before {name}(…).", calls[0][0] if len(calls) == 1 else places[-1][0], sure=True)


def values_in(error):
    """Yield the variables of each function that an error passed, from the innermost one on, and what dicts hold."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in list(frame.f_locals.values()):
            yield value
            if type(value) is dict:
                yield from value.values()


def _never_started(value):
    # isinstance() would set up what is lazy.
    return type(value) is types.CoroutineType and inspect.getcoroutinestate(value) == inspect.CORO_CREATED
