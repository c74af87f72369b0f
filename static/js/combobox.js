/* Search as you type: the server answers data-url?q= with ui/options.html. On a <select data-combobox>
   the select stays the form's value, and the way without JavaScript. On an <input data-combobox
   data-value="id of a hidden input"> free text may stay. A choice fires "change", on an input "picked". */
(() => {
  "use strict";
  let count = 0;

  function make(tag, attributes) {
    const element = document.createElement(tag);
    set(element, attributes);
    return element;
  }

  function set(element, attributes) {
    for (const name in attributes) element.setAttribute(name, attributes[name]);
  }

  function enhance(host) {
    const id = `combobox-${++count}`;
    const strict = host.matches("select");
    const { url, value: store } = host.dataset;
    const focused = document.activeElement === host || host.autofocus;
    const label = host.labels[0];
    const box = make("div", { class: "combo" });
    const list = make("ul", { class: "options", role: "listbox", id: `${id}-list`, hidden: "", "aria-label": label?.textContent.trim() ?? "" });
    const input = strict ? make("input", { id }) : host;
    let active = -1, timer, search;

    const items = () => [...list.querySelectorAll("[role=option]")];
    const chosen = () => (host.value ? host.selectedOptions[0].text : "");
    const fire = (name) => host.dispatchEvent(new Event(name, { bubbles: true }));

    function close() {
      clearTimeout(timer);
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function mark(place) {
      active = place;
      items().forEach((item, n) => item.setAttribute("aria-selected", n === place));
      if (!items()[place]) return;
      input.setAttribute("aria-activedescendant", items()[place].id);
      items()[place].scrollIntoView({ block: "nearest" });
    }

    function open() {
      items().forEach((item, n) => { item.id = `${id}-${n}`; });
      list.hidden = !list.children.length;
      input.setAttribute("aria-expanded", !list.hidden);
      mark(0);
    }

    function choose(item) {
      const { value, label: text } = item.dataset;
      if (strict && ![...host.options].some((each) => each.value === value)) host.append(new Option(text, value));
      if (strict) host.value = value;
      else if (store) document.getElementById(store).value = value;
      input.value = text;
      close();
      fire("change");
      if (!strict) fire("picked");
    }

    async function look() {
      const words = input.value.trim();
      search?.abort();
      if (words.length < 2) return close();
      search = new AbortController();
      const address = new URL(url, location.href);
      address.searchParams.set("q", words);
      try {
        const answer = await fetch(address, { signal: search.signal, headers: { "HX-Request": "true" } });
        list.innerHTML = answer.ok ? await answer.text() : "";
        if (document.activeElement === input) open();
      } catch {
        list.replaceChildren();
      }
    }

    set(input, { role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id });
    for (const name of strict ? ["aria-describedby", "aria-invalid", "data-placeholder"] : []) {
      if (host.hasAttribute(name)) input.setAttribute(name.replace("data-", ""), host.getAttribute(name));
    }
    host.dataset.combobox = "ready";
    host.before(box);
    box.append(input, list);
    if (strict) {
      host.hidden = true;
      input.value = chosen();
      if (label) label.htmlFor = id;
    }
    if (focused) input.focus();

    input.addEventListener("input", (event) => {
      if (strict) event.stopPropagation();
      clearTimeout(timer);
      timer = setTimeout(look, 180);
    });
    input.addEventListener("change", (event) => strict && event.stopPropagation());
    input.addEventListener("focus", () => strict && input.select());
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const item = !list.hidden && items()[active];
      if (step && list.hidden) look();
      else if (step) mark((active + step + items().length) % items().length);
      else if (event.key === "Enter" && item) choose(item);
      else if (event.key === "Escape" && !list.hidden) close();
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

  const start = (within) => within.querySelectorAll('[data-combobox=""]').forEach(enhance);
  start(document);
  document.addEventListener("htmx:load", (event) => start(event.detail.elt));
  document.addEventListener("line:added", (event) => start(event.target));
})();
