/* The invoice editor as a keyboard tool: adds and removes lines of a formset, moves the focus, hurries
   the saving. It computes nothing: the server does, and answers with the totals. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-editor]");
  const lines = () => form.querySelector("[data-lines]");
  const saved = document.getElementById("saved");
  const shown = () => [...lines().querySelectorAll("[data-line]:not([hidden])")];
  const first = (line) => line.querySelector(".what input").focus();
  const touch = () => form.dispatchEvent(new Event("change", { bubbles: true }));
  let unsaved = false;

  function add() {
    const total = form.elements[`${lines().dataset.lines}-TOTAL_FORMS`];
    const blank = document.getElementById("blank-line").innerHTML.replaceAll("__prefix__", total.value);
    total.value = Number(total.value) + 1;
    lines().insertAdjacentHTML("beforeend", blank);
    const line = lines().lastElementChild;
    line.dispatchEvent(new Event("line:added", { bubbles: true }));
    window.htmx?.process(line);
    first(line);
  }

  function remove(line) {
    const place = shown().indexOf(line);
    line.querySelector("[data-delete]").checked = true;
    line.hidden = true;
    if (!shown().length) add();
    else first(shown()[Math.min(place, shown().length - 1)]);
    touch();
  }

  /* What mends a problem, put into its field; what is not on the page goes by the server. */
  function put({ dataset: { putInto, put: text } }) {
    const field = document.getElementById(putInto);
    if (!field) return false;
    field.value = text;
    if (field.value !== text) return false;
    for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
    field.focus();
    return true;
  }

  form.addEventListener("click", (event) => {
    const mend = event.target.closest("[data-put-into]");
    if (mend && put(mend)) event.preventDefault();
    const bin = event.target.closest("[data-remove]");
    if (!bin && !event.target.closest("[data-add]")) return;
    event.preventDefault();
    if (bin) remove(bin.closest("[data-line]"));
    else add();
  });

  form.addEventListener("keydown", (event) => {
    const line = event.target.closest("[data-line]");
    const leaves = line && event.altKey && event.key === "Delete";
    const enters = event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing;
    if (event.defaultPrevented || !event.target.matches("input, select") || !(leaves || enters)) return;
    event.preventDefault();
    if (leaves) remove(line);
    else if (line === shown().at(-1)) add();
    else if (line) first(shown()[shown().indexOf(line) + 1]);
  });

  document.addEventListener("keydown", (event) => {
    const wanted = (event.ctrlKey || event.metaKey) && { s: saveNow, Enter: issue }[event.key];
    if (!wanted || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    wanted();
  });

  /* What is typed into a part of a line while it is drawn anew stays as it is typed. */
  const texts = (part) => new Map([...part.querySelectorAll("input, select")].map((each) => [each.name, each.value]));
  document.addEventListener("htmx:beforeRequest", ({ detail: { target, xhr } }) => {
    if (target.closest?.("[data-line]")) xhr.texts = texts(target);
  });
  document.addEventListener("htmx:beforeSwap", ({ detail: { target, xhr } }) => {
    if (!xhr.texts) return;
    xhr.typed = [...texts(target)].filter(([name, text]) => xhr.texts.has(name) && xhr.texts.get(name) !== text);
    const { id, selectionStart, selectionEnd } = document.activeElement;
    xhr.caret = { id, span: [selectionStart, selectionEnd] };
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { xhr } }) => {
    for (const [name, text] of xhr?.typed ?? []) if (form.elements[name]) form.elements[name].value = text;
    if (xhr?.typed?.length) touch();
    /* All of a field being selected starts at 0, which htmx takes for no selection. */
    const field = document.activeElement;
    if (xhr?.caret?.id === field.id && xhr.caret.span[0] !== null) field.setSelectionRange?.(...xhr.caret.span);
  });

  /* What was wrong is judged anew by the next preview, not by its old colour. */
  form.addEventListener("input", ({ target }) => target.removeAttribute("aria-invalid"));

  /* htmx saves while one types; here we only hurry it, or warn when it failed. */
  const saveNow = () => document.dispatchEvent(new Event("save-now"));
  const issue = () => document.querySelector("[data-issue]")?.click();
  const hurry = () => unsaved && saveNow();
  for (const name of ["input", "change"]) form.addEventListener(name, () => { unsaved = true; });
  form.addEventListener("submit", (event) => {
    unsaved = false;
    if (!saved.classList.contains("htmx-request")) return;
    /* The answer under way brings the version that the next save must name. */
    event.preventDefault();
    event.stopPropagation();
    saved.addEventListener("htmx:afterRequest", () => setTimeout(() => form.requestSubmit(event.submitter)), { once: true });
  });
  saved.addEventListener("htmx:beforeRequest", () => { unsaved = false; });
  saved.addEventListener("htmx:afterRequest", ({ detail }) => { unsaved ||= !detail.successful; });
  document.addEventListener("htmx:load", ({ target }) => target.matches("[data-line], [data-touch]") && touch());
  document.addEventListener("visibilitychange", () => document.hidden && hurry());
  addEventListener("online", hurry);
  addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
})();
