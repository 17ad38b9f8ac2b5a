"""Forms: fields over a typed result.

::

    FORM = Form(PersonInput, TextField("name", lazy("Name")), LastDayField("until_at", lazy("Last valid day")))

    bound = FORM.blank()                              # GET: an empty form (or FORM.show(person) with its values)
    bound = FORM.bind(await request.post())           # POST
    if not bound.is_valid:
        return await render(request, "people/edit.html", {"form": bound}, status=422)
    person: PersonInput = bound.value

The template says ``{{ form_fields(form) }}``. What was typed stays in the form; errors stand at their field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import msgspec
from multidict import MultiMapping

from central.web.days import FieldError
from central.web.fields import Choice, ChoiceField, Choices, Field, choice_list
from central.web.i18n import _

T = TypeVar("T")


@dataclass
class BoundField:
    """A field with what was typed into it; everything that a template needs."""

    field: Field
    text: str = ""
    texts: tuple[str, ...] = ()
    error: str = ""
    choices: list[Choice] = dataclasses.field(default_factory=list)
    prefix: str = ""
    is_first: bool = False
    """The keyboard begins here."""

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def id(self) -> str:
        """The id of the control in the page."""
        return f"{self.prefix}{self.field.name}"

    @property
    def described_by(self) -> str:
        """Ids of hint and error, for aria-describedby."""
        ids = [f"{self.id}-hint"] * bool(str(self.field.hint)) + [f"{self.id}-error"] * bool(self.error)
        return " ".join(ids)


class Form(Generic[T]):
    """The definition of a form; made once, at import.

    :param result: a dataclass or msgspec struct whose fields have the names of the form's fields.
    :param prefix: put before the ids when a page has two forms with equal field names.
    """

    def __init__(self, result: type[T], *fields: Field, prefix: str = "") -> None:
        self.result = result
        self.fields = fields
        self.prefix = prefix
        names = {f.name for f in fields}
        assert len(names) == len(fields), "two fields with one name"
        assert names <= _field_names(result), f"{names - _field_names(result)} not in {result.__name__}"

    def blank(self, choices: Mapping[str, Choices] | None = None, **initial: Any) -> BoundForm[T]:
        """The form as it is shown first; ``initial`` are values, not texts."""
        form = BoundForm(self, [self._bound(f, choices) for f in self.fields])
        for bound in form.fields:
            if bound.name in initial:
                _show(bound, initial[bound.name])
        return form

    def show(self, value: Any, choices: Mapping[str, Choices] | None = None) -> BoundForm[T]:
        """The form filled from the attributes of ``value`` (a model row, a struct)."""
        return self.blank(choices, **{f.name: getattr(value, f.name) for f in self.fields})

    def bind(
        self, posted: MultiMapping[Any] | Mapping[str, Any], choices: Mapping[str, Choices] | None = None
    ) -> BoundForm[T]:
        """The form with what was sent, checked. Unknown names are ignored, files are not texts."""
        form = BoundForm(self, [self._bound(f, choices) for f in self.fields])
        values: dict[str, Any] = {}
        for bound in form.fields:
            texts = [text for text in _all(posted, bound.name) if isinstance(text, str)]
            bound.texts = tuple(texts)
            bound.text = texts[0] if texts else ""
            try:
                values[bound.name] = _parse(bound)
            except FieldError as error:
                bound.error = str(error)
        if form.is_valid:
            form.values = values
        return form

    def _bound(self, definition: Field, choices: Mapping[str, Choices] | None) -> BoundField:
        bound = BoundField(definition, prefix=self.prefix)
        if isinstance(definition, ChoiceField):
            bound.choices = choice_list((choices or {}).get(definition.name, definition.choices))
        return bound


@dataclass
class BoundForm(Generic[T]):
    """A form in one request."""

    form: Form[T]
    fields: list[BoundField]
    error: str = ""
    """What is wrong with the whole of it; shown above the fields."""
    values: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> BoundField:
        """The field of that name, for templates that place fields by hand."""
        return next(f for f in self.fields if f.name == name)

    @property
    def is_valid(self) -> bool:
        """No field and nothing else is wrong."""
        return not self.error and not any(f.error for f in self.fields)

    @property
    def error_fields(self) -> list[BoundField]:
        """The fields with an error, for the summary above the form."""
        return [f for f in self.fields if f.error]

    @property
    def value(self) -> T:
        """The typed result; only of a valid form that was sent."""
        assert self.values is not None, "the form is not valid"
        return self.form.result(**self.values)

    def fail(self, message: str, name: str = "") -> None:
        """Add what only the handler can find out ("number taken"), at a field or for the whole form."""
        if name:
            self[name].error = message
        else:
            self.error = message

    def check(self, rule: Callable[[T], None], name: str = "") -> None:
        """Run a rule on the result of a valid form; its FieldError becomes the error."""
        if self.is_valid:
            try:
                rule(self.value)
            except FieldError as error:
                self.fail(str(error), name)


def _parse(bound: BoundField) -> Any:
    definition = bound.field
    if definition.is_multiple:
        return _parse_choices(bound)
    is_empty = not (bound.text if definition.control == "password" else bound.text.strip())
    if is_empty:
        if definition.control == "check":
            return False
        if definition.is_required:
            raise FieldError(_("Required."))
        return None
    if isinstance(definition, ChoiceField) and bound.text not in {c.value for c in bound.choices}:
        raise FieldError(_("Choose one of the list."))
    return definition.parse(bound.text)


def _parse_choices(bound: BoundField) -> tuple[str, ...]:
    known = {c.value for c in bound.choices}
    texts = tuple(dict.fromkeys(t for t in bound.texts if t))
    if not set(texts) <= known:
        raise FieldError(_("Choose from the list."))
    if bound.field.is_required and not texts:
        raise FieldError(_("Choose at least one."))
    return texts


def _show(bound: BoundField, value: Any) -> None:
    if bound.field.is_multiple:
        bound.texts = tuple(str(v) for v in value or ())
    else:
        bound.text = bound.field.text(value)
        bound.texts = (bound.text,)


def _all(posted: MultiMapping[Any] | Mapping[str, Any], name: str) -> list[Any]:
    if isinstance(posted, MultiMapping):
        return list(posted.getall(name, []))
    return [posted[name]] if name in posted else []


def _field_names(result: type[Any]) -> set[str]:
    if dataclasses.is_dataclass(result):
        return {f.name for f in dataclasses.fields(result)}
    return {f.name for f in msgspec.structs.fields(cast(Any, result))}
