/* The invoice editor as a keyboard tool. It adds and removes lines of a formset, moves the focus and
   says when to save. It computes nothing: the server does, and answers with the totals. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-editor]");
  if (!form) return;
  const lines = form.querySelector("[data-lines]");
  const blank = document.getElementById("blank-line");
  const total = form.querySelector(`[name="${lines.dataset.lines}-TOTAL_FORMS"]`);
  const shown = () => [...lines.querySelectorAll("[data-line]:not([hidden])")];
  const first = (line) => line?.querySelector("input:not([type=hidden]):not([type=checkbox]), select:not([hidden]), textarea")?.focus();
  let unsaved = false;

  function number() {
    shown().forEach((line, n) => { line.querySelector("[data-number]").textContent = n + 1; });
  }

  function touch() {
    form.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function add() {
    const holder = document.createElement("template");
    holder.innerHTML = blank.innerHTML.replaceAll("__prefix__", total.value);
    const line = holder.content.firstElementChild;
    total.value = Number(total.value) + 1;
    lines.append(line);
    line.dispatchEvent(new CustomEvent("line:added", { bubbles: true }));
    window.htmx?.process(line);
    number();
    first(line);
  }

  function remove(line) {
    const around = shown();
    const place = around.indexOf(line);
    line.querySelector("[data-delete]").checked = true;
    line.hidden = true;
    if (around.length === 1) add();
    else first(around[place + 1] ?? around[place - 1]);
    number();
    touch();
  }

  function below(field) {
    const line = field.closest("[data-line]");
    const next = shown()[shown().indexOf(line) + 1];
    if (next) first(next);
    else add();
  }

  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-add]")) {
      event.preventDefault();
      add();
    }
    const bin = event.target.closest("[data-remove]");
    if (bin) {
      event.preventDefault();
      remove(bin.closest("[data-line]"));
    }
  });

  form.addEventListener("keydown", (event) => {
    const line = event.target.closest("[data-line]");
    if (event.defaultPrevented || event.isComposing || !event.target.matches("input, select")) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (line) below(event.target);
    }
    if (line && event.altKey && (event.key === "Delete" || event.key === "Backspace")) {
      event.preventDefault();
      remove(line);
    }
  });

  document.addEventListener("keydown", (event) => {
    const held = (event.ctrlKey || event.metaKey) && !event.altKey;
    const wanted = held && { s: "[data-save]", Enter: "[data-issue]" }[event.key];
    const button = wanted && document.querySelector(wanted);
    if (!button || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    button.click();
  });

  /* Saving: htmx sends the form while one types; here we only hurry it, or warn that it failed. */
  const save = () => unsaved && document.dispatchEvent(new Event("save-now"));
  form.addEventListener("input", () => { unsaved = true; });
  form.addEventListener("change", () => { unsaved = true; });
  form.addEventListener("submit", () => { unsaved = false; });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.id === "saved" && event.detail.successful) unsaved = false;
  });
  document.addEventListener("visibilitychange", () => document.hidden && save());
  addEventListener("online", save);
  addEventListener("beforeunload", (event) => unsaved && event.preventDefault());

  for (const each of form.querySelectorAll("[data-add], [data-remove]")) each.hidden = false;
})();
