// What a person does: keys, clicks, the focus, and what a browser does with them.

let touched = false; // whether a key was pressed or something was clicked

function moveFocus(element) {
  if (element === focused || (element && element.disabled)) return;
  const before = focused;
  if (before) {
    changed(before);
    focused = null;
    dispatch(before, new FocusEvent("blur", {relatedTarget: element}));
    dispatch(before, new FocusEvent("focusout", {bubbles: true, relatedTarget: element}));
  }
  focused = element;
  if (element) {
    valueAtFocus = element.value ?? "";
    dispatch(element, new FocusEvent("focus", {relatedTarget: before}));
    dispatch(element, new FocusEvent("focusin", {bubbles: true, relatedTarget: before}));
  }
}

/** A field whose text has changed says so when the person has finished. */
function changed(element) {
  if (!(element instanceof Control) || element.localName === "button" || element.value === valueAtFocus) return;
  valueAtFocus = element.value;
  dispatch(element, new Event("change", {bubbles: true}));
}

function clicked(element) {
  const box = element instanceof Control && ["checkbox", "radio"].includes(element.type);
  if (box) element.checked = element.type === "radio" || !element.checked;
  if (!dispatch(element, new PointerEvent("click", {bubbles: true, cancelable: true, detail: 1}))) {
    if (box) element.checked = !element.checked;
    return;
  }
  if (box) for (const type of ["input", "change"]) dispatch(element, new Event(type, {bubbles: true}));
  for (let each = element; each instanceof Element; each = each.parentNode) {
    if (each instanceof Control && ["submit", "image"].includes(each.type) && each.localName !== "textarea") {
      if (each.form && !each.disabled) submit(each.form, each);
      return;
    }
    if (each.type === "reset" && each.form) return void each.form.reset();
    if (each.localName === "a" && each.hasAttribute("href")) return void leave("link", each.href);
    if (each.localName === "label")
      return void (page.getElementById(each.htmlFor) ?? each.querySelectorAll("input, textarea")[0])?.focus();
    if (each.localName === "button") return;
  }
}

function submit(form, submitter) {
  if (!form.hasAttribute("novalidate") && !submitter?.hasAttribute("formnovalidate")) {
    const invalid = form.elements.filter((each) => each.checkValidity?.() === false);
    for (const each of invalid) dispatch(each, new Event("invalid", {cancelable: true}));
    if (invalid.length) return;
  }
  if (dispatch(form, new SubmitEvent("submit", {bubbles: true, cancelable: true, submitter}))) send(form, submitter);
}

function send(form, submitter) {
  const method = (submitter?.getAttribute("formmethod") ?? form.method).toLowerCase();
  if (method === "dialog") return;
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  if (/^javascript:/i.test(action ?? "")) return;
  const url = new URL(action || address.href, address);
  if (method === "get") url.search = String(new FormData(form));
  leave("form", url);
}

/** Press and let go a key. `text` is what it types, if it does. */
function press(key, code, keyCode, text) {
  touched = true;
  const make = (type, charCode = 0) =>
    new KeyboardEvent(type, {
      bubbles: true,
      cancelable: true,
      key,
      code,
      keyCode: type === "keypress" ? charCode : keyCode,
      which: type === "keypress" ? charCode : keyCode,
      charCode,
    });
  if (
    dispatch(page.activeElement, make("keydown")) &&
    (text === null || dispatch(page.activeElement, make("keypress", text === "\n" ? 13 : text.codePointAt(0))))
  ) {
    const element = page.activeElement;
    if (text !== null) typed(element, text);
  }
  dispatch(page.activeElement, make("keyup"));
}

/** Close the page. Returns whether the browser asks first: it asks only somebody who has touched the page. */
function close() {
  const event = new BeforeUnloadEvent("beforeunload", {cancelable: true});
  const unopposed = dispatch(globalThis, event) && event.returnValue === "";
  return touched && !unopposed;
}

/** Press the Enter that ends an input method's composition: it takes a character over, and sends no form. */
function compose() {
  touched = true;
  const options = {bubbles: true, cancelable: true, key: "Enter", code: "Enter", isComposing: true};
  dispatch(page.activeElement, new KeyboardEvent("keydown", {...options, keyCode: 229, which: 229}));
  dispatch(page.activeElement, new KeyboardEvent("keyup", {...options, keyCode: 13, which: 13}));
}

function typed(element, text) {
  const isText =
    element instanceof Control && !["submit", "button", "reset", "checkbox", "radio", "image"].includes(element.type);
  if (text === "\n" && element instanceof Control && element.localName !== "textarea") {
    if (!isText) return void clicked(element);
    changed(element);
    const form = element.form;
    if (!form) return;
    const button = form.elements.find((each) => ["submit", "image"].includes(each.type));
    const fields = form.elements.filter(
      (each) =>
        each.localName === "input" && !["submit", "button", "hidden", "reset", "checkbox", "radio"].includes(each.type),
    );
    if (button) {
      if (!button.disabled) clicked(button);
    } else if (fields.length === 1) submit(form, null);
    return;
  }
  if (!isText || element.readOnly || element.disabled) return;
  const options = {bubbles: true, data: text, inputType: "insertText"};
  if (!dispatch(element, new InputEvent("beforeinput", {...options, cancelable: true}))) return;
  element.value += text;
  dispatch(element, new InputEvent("input", options));
}
