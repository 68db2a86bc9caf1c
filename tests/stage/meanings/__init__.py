"""What errors of Python, Django and Channels mean, for somebody who meets them for the first time."""

from stage.meanings.attributes import an_attribute_is_missing
from stage.meanings.awaits import what_is_awaited_is_no_coroutine
from stage.meanings.calls import a_call_does_not_fit
from stage.meanings.caught import a_loss_that_is_no_refusal, the_try_around_it_catches_less
from stage.meanings.imports import a_name_cant_be_imported
from stage.meanings.meaning import Meaning, find_first
from stage.meanings.names import a_name_is_missing, a_variable_has_no_value_yet
from stage.meanings.pages import (
    a_template_is_not_found,
    a_view_returns_nothing,
    an_included_module_has_no_addresses,
    no_route_has_this_name,
)
from stage.meanings.patterns import its_words_alone
from stage.meanings.sockets import (
    a_groups_name_is_not_allowed,
    an_event_has_no_handler,
    asgi_py_imports_too_early,
    the_application_is_named_wrongly,
)
from stage.meanings.values import a_key_is_missing, a_text_that_is_none

__all__ = ["Meaning", "find_meaning"]

# Each takes a Problem, and returns its Meaning or None. The first that is sure is the one.
LOOKS = (
    asgi_py_imports_too_early,
    a_loss_that_is_no_refusal,
    no_route_has_this_name,
    a_variable_has_no_value_yet,
    a_name_is_missing,
    a_name_cant_be_imported,
    the_application_is_named_wrongly,
    what_is_awaited_is_no_coroutine,
    a_groups_name_is_not_allowed,
    an_event_has_no_handler,
    a_key_is_missing,
    an_attribute_is_missing,
    a_call_does_not_fit,
    a_text_that_is_none,
    an_included_module_has_no_addresses,
    a_view_returns_nothing,
    a_template_is_not_found,
    its_words_alone,
    the_try_around_it_catches_less,
)


def find_meaning(problem):
    """Return the Meaning of a Problem, or None if nothing is sure."""
    return find_first(LOOKS, problem)
