/* Search as you type: the server answers data-url?q= with ui/options.html. On a <select data-combobox>
   the select stays the form's value, and the way without JavaScript. On an <input data-combobox
   data-value="id of a hidden input"> free text may stay. A choice fires "change", on an input "picked".
   data-needs="name=id …": other fields that the list depends on; such a list is short, so it also
   opens without a letter, by an arrow key or a click. */
(() => {
  "use strict";
  const PAUSE_MS = 180;
  let count = 0;

  function set(element, attributes) {
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    return element;
  }
  const make = (tag, attributes) => set(document.createElement(tag), attributes);

  function enhance(host) {
    const id = `combobox-${++count}`;
    const strict = host.matches("select");
    const needs = host.dataset.needs?.split(" ").map((each) => each.split("="));
    const focused = document.activeElement === host || host.autofocus;
    const span = strict ? null : [host.selectionStart, host.selectionEnd]; /* moving it loses them */
    const box = make("div", { class: "combo" });
    const list = make("ul", { class: "options", role: "listbox", id: `${id}-list`, hidden: "", "aria-label": host.labels[0].textContent.trim() });
    const input = strict ? make("input", { id: host.id }) : host;
    let active, timer;

    const items = () => [...list.querySelectorAll("[role=option]")];
    const chosen = () => (host.value ? host.selectedOptions[0].text : "");
    const fire = (name) => host.dispatchEvent(new Event(name, { bubbles: true }));

    function close() {
      clearTimeout(timer);
      list.hidden = true;
      set(input, { "aria-expanded": false, "aria-activedescendant": "" });
    }

    function mark(place) {
      active = items()[place];
      items().forEach((item, n) => set(item, { id: `${id}-${n}`, "aria-selected": n === place }));
      active?.scrollIntoView({ block: "nearest" });
      set(input, { "aria-activedescendant": active?.id ?? "" });
    }

    function choose({ dataset: { value, label: text } }) {
      if (strict) {
        if (![...host.options].some((each) => each.value === value)) host.append(new Option(text, value));
        host.value = value;
      } else if (host.dataset.value) document.getElementById(host.dataset.value).value = value;
      input.value = text;
      close();
      fire("change");
      if (!strict) fire("picked");
    }

    /* Everything of a short list at first; what fits the letters once somebody types. */
    async function look(all) {
      const words = all === true ? "" : input.value.trim();
      if (words.length < 2 && !needs) return close();
      const asked = new URLSearchParams({ q: words });
      for (const [name, field] of needs ?? []) asked.set(name, document.getElementById(field)?.value ?? "");
      const before = input.value;
      const answer = await fetch(`${host.dataset.url}?${asked}`, { headers: { "HX-Request": "true" } });
      const found = answer.ok ? await answer.text() : "";
      if (input.value !== before || document.activeElement !== input) return;
      list.innerHTML = found;
      list.hidden = !(needs ? items().length : list.children.length);
      set(input, { "aria-expanded": !list.hidden });
      if (needs) mark(items().findIndex((item) => item.dataset.label === input.value));
      else mark(0);
    }

    host.dataset.combobox = "ready";
    host.before(box);
    box.append(input, list);
    input.removeAttribute("list");
    set(input, { role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id });
    if (strict) {
      for (const name of ["aria-describedby", "aria-invalid"]) if (host.hasAttribute(name)) set(input, { [name]: host.getAttribute(name) });
      set(input, { placeholder: host.dataset.placeholder ?? "" });
      input.value = chosen();
      host.hidden = true;
      host.id = `${id}-value`;
    }
    if (focused) input.focus();
    if (focused && span) input.setSelectionRange(...span);

    input.addEventListener("input", (event) => {
      if (strict) event.stopPropagation();
      clearTimeout(timer);
      if (!event.isTrusted) return; // put there by a press, not typed
      timer = setTimeout(look, PAUSE_MS);
    });
    input.addEventListener("change", (event) => strict && event.stopPropagation());
    input.addEventListener("focus", () => strict && input.select());
    input.addEventListener("click", () => needs && list.hidden && look(true));
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && list.hidden) look(Boolean(needs));
      else if (step) mark((items().indexOf(active) + step + items().length) % items().length);
      else if (list.hidden) return;
      else if (event.key === "Enter" && active) choose(active);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    });
    input.addEventListener("blur", () => {
      close();
      if (!strict) return;
      if (!input.value.trim() && host.value) {
        host.value = "";
        fire("change");
      }
      input.value = chosen();
    });
    list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("[role=option]");
      if (item) choose(item);
    });
  }

  const start = ({ target }) => target.querySelectorAll('[data-combobox=""]').forEach(enhance);
  start({ target: document });
  for (const name of ["htmx:load", "line:added"]) document.addEventListener(name, start);
})();
